# SPDX-License-Identifier: Apache-2.0
"""The synthesis node: action with progress and cancellation, newest target wins, and reasons for every refusal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from eschernet_ros.action import Synthesize
from eschernet_ros.msg import PosedView
from geometry_msgs.msg import PoseArray, PoseStamped
from made_views import HAND_EYE, OBJECT, camera_pose, made_view
from sensor_msgs.msg import CameraInfo, Image

from eschernet_ros.demo.client import GraphClient
from eschernet_ros.errors import EscherNetError
from eschernet_ros.geometry import SE3, ObjectFrame, model_camera, stack_matrices
from eschernet_ros.model import EscherNetPipeline
from eschernet_ros.nodes import messages, qos
from eschernet_ros.processes import Graph
from eschernet_ros.synthesis import mosaic

AZIMUTHS = (0.0, 90.0, 200.0)
FILL_TO = 3


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphClient]:
    """Return a client of a running synthesis node that holds three references."""
    with Graph(tmp_path_factory.mktemp("synthesis")) as graph:
        graph.start_node("eschernet_ros.nodes.synthesis", {"threads": 1, "fill_to": FILL_TO, "queue_size": 1})
        with GraphClient(graph) as client:
            client.wait(client._synthesize.server_is_ready, 90.0, "the synthesis node's start")
            with pytest.raises(EscherNetError, match="no reference view yet"):
                client.synthesize(targets("object", 10.0), [])
            publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
            client.publisher = publisher  # type: ignore[attr-defined]
            for index, azimuth in enumerate(AZIMUTHS):
                publisher.publish(made_view(index, azimuth))
            client.wait(lambda: has_references(client, 3), 20.0, "the references' arrival")
            yield client


def has_references(client: GraphClient, count: int) -> bool:
    """Tell whether the node holds ``count`` references: it says which there are when asked for an unknown one."""
    try:
        client.synthesize(targets("object", 10.0), [999])
    except EscherNetError as error:
        return all(f"{index}" in str(error).split("there are")[-1] for index in range(count))
    return False


def targets(frame_id: str, *azimuths: float) -> PoseArray:
    """Return viewpoints around the object in one of the known frames."""
    from_base = {
        "base": SE3.identity(),
        "object": OBJECT.base_from_object.inverse(),
        "camera_color_optical_frame": camera_pose(AZIMUTHS[-1]).inverse(),
    }.get(frame_id, SE3.identity())
    message = PoseArray(poses=[messages.to_pose(from_base @ camera_pose(azimuth)) for azimuth in azimuths])
    message.header.frame_id = frame_id
    return message


def test_views_equal_those_of_the_library(node: GraphClient) -> None:
    """The action gives what the pipeline gives for the same references, targets, seed and steps."""
    steps: list[int] = []
    result = node.synthesize(
        targets("base", 45.0, 120.0),
        [0, 2],
        lambda feedback: steps.append(feedback.step),
        steps=4,
        guidance_scale=2.0,
        seed=7,
    )
    views = [messages.from_posed_view(made_view(index, AZIMUTHS[index])) for index in (0, 2)]
    pipeline = EscherNetPipeline.from_pretrained("bundled-6dof")
    truth = pipeline(
        np.stack([view.image for view in views]),
        stack_matrices(view.camera_gl_from_object for view in views),
        stack_matrices(OBJECT.normalise(camera_pose(azimuth)) for azimuth in (45.0, 120.0)),
        steps=4,
        guidance_scale=2.0,
        seed=7,
        fill_to=FILL_TO,
    )
    images = np.stack([messages.colour_from_image(message) for message in result.views])
    np.testing.assert_allclose(images, np.round(truth * 255), atol=1)
    assert steps[-1] == 4
    assert steps == sorted(steps)
    assert list(result.references) == [0, 2]
    assert result.checkpoint == "bundled-6dof"
    assert result.checkpoint_trained
    assert (result.steps, result.guidance_scale) == (4, 2.0)
    assert list(result.warnings) == []
    assert messages.from_camera_info(result.camera_info) == model_camera(64)
    assert min(result.first_step_seconds, result.other_steps_seconds, result.decode_seconds) > 0


@pytest.mark.parametrize("frame_id", ["base", "object", "camera_color_optical_frame"])
def test_targets_may_be_given_in_any_known_frame(node: GraphClient, frame_id: str) -> None:
    """The poses come back in the object frame, the same whichever frame they were asked in."""
    result = node.synthesize(targets(frame_id, 45.0), [], steps=1)
    wanted = OBJECT.base_from_object.inverse() @ camera_pose(45.0)
    assert result.poses.header.frame_id == "object"
    assert messages.from_pose(result.poses.poses[0]).is_close(wanted, 1e-9)
    assert list(result.references) == [0, 1, 2]


@pytest.mark.parametrize(
    ("frame_id", "references", "options", "sentence"),
    [
        ("object", [0, 9], {}, "no reference view 9; there are: 0, 1, 2"),
        ("", [], {}, "frame ''"),
        ("moon", [], {}, "frame 'moon'.*'object', 'base', 'camera_color_optical_frame'|'moon' in 'base'"),
        ("object", [], {"steps": 1000}, "steps is 1000"),
        ("object", [], {"guidance_scale": float("nan")}, "guidance_scale"),
    ],
)
def test_refusals_say_why(node: GraphClient, frame_id: str, references: list[int], options: dict, sentence: str):
    """What is wrong, and what there is instead."""
    with pytest.raises(EscherNetError, match=sentence):
        node.synthesize(targets(frame_id, 45.0), references, **options)
    with pytest.raises(EscherNetError, match="no target pose"):
        node.synthesize(targets("object"), [])


def test_a_goal_can_be_cancelled_and_the_node_answers_meanwhile(node: GraphClient) -> None:
    """Inference holds up nothing: services answer while it runs, and a cancelled goal ends after its step."""
    feedback: list[Synthesize.Feedback] = []
    goal = Synthesize.Goal(targets=targets("object", 45.0), steps=900)
    accepted = node._synthesize.send_goal_async(goal, feedback_callback=lambda m: feedback.append(m.feedback))
    node.wait(accepted.done, 10.0, "the goal's acceptance")
    node.wait(lambda: len(feedback) > 2, 30.0, "progress")
    refused = node._synthesize.send_goal_async(Synthesize.Goal(targets=targets("moon", 45.0)))
    node.wait(refused.done, 10.0, "the answer to a second goal")
    answer = refused.result().get_result_async()
    node.wait(answer.done, 10.0, "the second goal's end while the first one runs")
    assert "moon" in answer.result().result.message
    handle = accepted.result()
    assert feedback[-1].steps == 900
    assert feedback[-1].remaining_seconds > 0
    node.wait(handle.cancel_goal_async().done, 10.0, "the cancellation's acceptance")
    ended = handle.get_result_async()
    node.wait(ended.done, 20.0, "the cancelled goal's end")
    assert ended.result().result.message == "cancelled"
    assert feedback[-1].step < 900
    assert node.synthesize(targets("object", 45.0), [], steps=1).success


def test_a_full_queue_refuses(node: GraphClient) -> None:
    """One runs, one waits, the third is told to come back."""
    goal = Synthesize.Goal(targets=targets("object", 45.0), steps=900)
    handles = []
    for _ in range(2):
        accepted = node._synthesize.send_goal_async(goal)
        node.wait(accepted.done, 10.0, "the goal's acceptance")
        handles.append(accepted.result())
        time.sleep(0.5)
    with pytest.raises(EscherNetError, match="1 syntheses are waiting"):
        node.synthesize(targets("object", 45.0), [], steps=1)
    for handle in reversed(handles):
        node.wait(handle.cancel_goal_async().done, 10.0, "the cancellation's acceptance")
        node.wait(handle.get_result_async().done, 20.0, "the goal's end")


def test_the_newest_target_pose_wins(node: GraphClient) -> None:
    """Of targets that come faster than they can be synthesized, the last is published, with its own stamp."""
    received: dict[str, list] = {name: [] for name in ("image", "camera_info", "pose", "mosaic", "poses")}
    kinds = {"image": Image, "camera_info": CameraInfo, "pose": PoseStamped, "mosaic": Image, "poses": PoseArray}
    subscriptions = [
        node.node.create_subscription(kinds[name], f"synthesis/{name}", received[name].append, qos.RESULTS)
        for name in received
    ]
    publisher = node.node.create_publisher(PoseStamped, "synthesis/target_pose", qos.NEWEST)
    node.wait(lambda: publisher.get_subscription_count() == 1, 10.0, "the target's subscription")
    for number in range(1, 9):
        message = PoseStamped(pose=targets("base", 10.0 * number).poses[0])
        message.header.frame_id = "base"
        message.header.stamp.sec = 1000 + number
        publisher.publish(message)
        time.sleep(0.02)
    node.wait(lambda: any(p.header.stamp.sec == 1008 for p in received["pose"]), 60.0, "the newest target's view")
    node.wait(lambda: all(m[-1].header.stamp.sec == 1008 for m in received.values() if m), 10.0, "all of it")
    assert len(received["pose"]) < 8
    assert all(received.values())
    image, info, pose = received["image"][-1], received["camera_info"][-1], received["pose"][-1]
    assert image.header.frame_id == info.header.frame_id == "synthesized_view_0"
    assert image.header.stamp == info.header.stamp == pose.header.stamp
    wanted = OBJECT.base_from_object.inverse() @ camera_pose(80.0)
    assert messages.from_pose(pose.pose).is_close(wanted, 1e-9)
    np.testing.assert_array_equal(
        messages.colour_from_image(received["mosaic"][-1]), mosaic(messages.colour_from_image(image)[None])
    )
    for subscription in subscriptions:
        node.between_callbacks(node.node.destroy_subscription, subscription)


def test_another_object_drops_the_references(node: GraphClient) -> None:
    """Views of an object that was moved must not be mixed with older ones."""
    moved = ObjectFrame(SE3.from_rotvec([0.0, 0.0, 0.0], [0.5, 0.2, 0.2]), OBJECT.size)
    node.publisher.publish(made_view(50, 0.0, object_frame=moved))  # type: ignore[attr-defined]

    def only_the_new_one() -> bool:
        try:
            return list(node.synthesize(targets("base", 45.0), [], steps=1).references) == [50]
        except EscherNetError:
            return False

    node.wait(only_the_new_one, 20.0, "the new object")


def test_hand_eye_and_end_effector_give_the_real_camera() -> None:
    """What a PosedView says of the arm leads back to its camera."""
    message = made_view(0, 30.0)
    camera = messages.from_pose(message.ee_pose) @ messages.from_pose(message.hand_eye)
    assert camera.is_close(camera_pose(30.0), 1e-9)
    assert messages.from_pose(message.hand_eye).is_close(HAND_EYE, 1e-12)


def test_sampling_is_the_checkpoint_s_own_unless_asked_otherwise(node: GraphClient) -> None:
    """Zero steps and a negative guidance scale mean what the checkpoint recommends."""
    result = node.synthesize(targets("object", 45.0), [])
    assert (result.steps, result.guidance_scale) == EscherNetPipeline.from_pretrained("bundled-6dof").sampling


def test_untrained_weights_are_said_with_every_result(graph: Graph, connect: Callable[[], GraphClient]) -> None:
    """The bundled 4DoF checkpoint is random: the result says so in a flag and in a sentence."""
    graph.start_node("eschernet_ros.nodes.synthesis", {"threads": 1, "checkpoint": "bundled-4dof", "cape": "4dof"})
    client = connect()
    client.wait(client._synthesize.server_is_ready, 90.0, "the synthesis node's start")
    publisher = client.node.create_publisher(PosedView, "capture/posed_view", qos.VIEWS)
    publisher.publish(made_view(0, 30.0))
    client.wait(lambda: has_references(client, 1), 20.0, "the reference's arrival")
    result = client.synthesize(targets("object", 45.0), [], steps=1)
    assert not result.checkpoint_trained
    assert any("untrained" in warning for warning in result.warnings)
    client.between_callbacks(client.node.destroy_publisher, publisher)


def test_an_unusable_checkpoint_ends_the_node(graph: Graph) -> None:
    """Status 2 and one sentence, whatever is wrong with it."""
    for parameters, sentence in (
        ({"checkpoint": "/nowhere"}, "/nowhere"),
        ({"checkpoint": "bundled-6dof", "cape": "4dof"}, "4dof"),
        ({"dtype": "int8"}, "one of: float32"),
        ({"device": "cuda:99"}, "cuda:99"),
    ):
        node = graph.start_node("eschernet_ros.nodes.synthesis", parameters, name="bad")
        node.process.wait(60.0)
        assert node.process.returncode == 2
        assert sentence in node.log.read_text()
        graph.processes.remove(node)
