# SPDX-License-Identifier: Apache-2.0
"""The parameters of a capture: of the node, and of the replay of a bag."""

from __future__ import annotations

from eschernet_ros.capture.mask_method import MASK_METHODS
from eschernet_ros.streams.hand_eye import PARENTS
from eschernet_ros.streams.parameters import Parameter
from eschernet_ros.streams.pose_sources import SOURCES

PARAMETERS = (
    Parameter("colour_topic", "/camera/camera/color/image_raw", "colour image (rgb8, bgr8, rgba8, bgra8 or mono8)"),
    Parameter("camera_info_topic", "/camera/camera/color/camera_info", "intrinsics of the colour camera"),
    Parameter(
        "depth_topic",
        "/camera/camera/aligned_depth_to_color/image_raw",
        "depth aligned to the colour image (16UC1 mm or 32FC1 m); empty: do without",
    ),
    Parameter("mask_topic", "", "object mask (mono8) with the stamps of the colour image; empty: mask.method makes it"),
    Parameter(
        "mask.method",
        "depth_refined",
        "depth above the table inside the object's box; the same with its edge from colour; or a segmentation network",
        choices=MASK_METHODS,
    ),
    Parameter("mask.model", "", "path of the ONNX segmentation model (needs onnxruntime)"),
    Parameter(
        "pose_source",
        "topic",
        "where the arm's pose comes from: a PoseStamped topic, TF (needs tf2_msgs), or joint states and kinematics",
        choices=SOURCES,
    ),
    Parameter(
        "pose_topic",
        "/franka_robot_state_broadcaster/current_pose",
        "pose_source topic: PoseStamped; its frame_id is taken as the base frame",
    ),
    Parameter(
        "pose_of",
        "auto",
        "what the pose source gives poses of: the end effector (O_T_EE) or the flange; auto: the flange for joint "
        "states without a URDF, the end effector otherwise",
        choices=("auto", *PARENTS),
    ),
    Parameter("tf.base_frame", "base", "pose_source tf: the robot's base frame"),
    Parameter("tf.frame", "fr3_hand_tcp", "pose_source tf: frame whose pose is looked up (see pose_of)"),
    Parameter(
        "joint_states.topic",
        "/franka/joint_states",
        "pose_source joint_states: JointState (/joint_states is too slow at its usual 30 Hz for a moving arm)",
    ),
    Parameter("joint_states.prefix", "fr3", "without a URDF: joints are named PREFIX_joint1 to 7 (fr3, fer, panda)"),
    Parameter("joint_states.urdf_file", "", "robot description; neither file nor topic: the table of Panda and FR3"),
    Parameter("joint_states.urdf_topic", "", "topic of the robot description (String, latched): /robot_description"),
    Parameter(
        "joint_states.base_link",
        "",
        "base frame; empty: the root link of the URDF, or PREFIX_link0 (object.* are in this frame)",
    ),
    Parameter("joint_states.tip_link", "", "link of the URDF whose pose is computed (see pose_of)"),
    Parameter(
        "hand_eye.file",
        "",
        "calibration file (easy_handeye2's .calib, or a YAML of `eschernet-ros calibrate`), anchored to the flange; "
        "empty: the parameters below",
    ),
    Parameter("hand_eye.parent", "ee", "frame that the transform below is in", choices=PARENTS),
    Parameter(
        "hand_eye.translation",
        [0.0, 0.0, 0.0],
        "position of the colour camera's optical frame in the parent frame, m",
        length=3,
    ),
    Parameter(
        "hand_eye.rotation_xyzw",
        [0.0, 0.0, 0.0, 1.0],
        "orientation of the colour camera's optical frame in the parent frame, quaternion",
        length=4,
    ),
    Parameter(
        "flange_from_ee.topic",
        "",
        "F_T_EE as the robot tells it (PoseStamped, latched: /franka_state/flange_from_ee), instead of the two below; "
        "until it comes no view is taken where it is needed; empty: parameters",
    ),
    Parameter(
        "flange_from_ee.translation",
        [0.0, 0.0, 0.1034],
        "F_T_EE as set on the controller: end effector on the flange, m (default: the Franka hand); used where "
        "calibration and poses are anchored to different frames",
        length=3,
    ),
    Parameter(
        "flange_from_ee.rotation_xyzw",
        [0.0, 0.0, -0.3826834323650898, 0.9238795325112867],
        "its orientation (default: the Franka hand, -45 deg about z)",
        length=4,
    ),
    Parameter("object.frame", "object", "name of the object frame: centre of the object's box"),
    Parameter(
        "object.topic",
        "",
        "object box as a CUBE Marker in the base frame (latched), instead of the parameters below; empty: parameters",
    ),
    Parameter("object.position", [0.5, 0.0, 0.1], "centre of the object's box in the base frame, m", length=3),
    Parameter(
        "object.rotation_xyzw",
        [0.0, 0.0, 0.0, 1.0],
        "orientation of the object's box in the base frame; its z axis is up for the model",
        length=4,
    ),
    Parameter("object.size", [0.1, 0.1, 0.1], "sides of the object's box, m; 1 / longest is the scale", length=3),
    Parameter("image_size", 256, "side of the views, px (the model's camera has f = 280/256 of it)", 32, 2048),
    Parameter(
        "aim_at_object",
        True,
        "turn the model's camera, in the real one's place, upright and towards the object's centre, as in training",
    ),
    Parameter(
        "exposure_s",
        0.0,
        "exposure time where no metadata tell it: mid-exposure is the image stamp minus half of it (librealsense)",
        0.0,
        1.0,
    ),
    Parameter(
        "metadata.topic",
        "/camera/camera/color/metadata",
        "each frame's exposure and clock (realsense2_camera_msgs/Metadata); used once it comes; empty: none",
    ),
    Parameter(
        "metadata.json_topic",
        "/camera/camera/color/metadata_json",
        "the same JSON in a std_msgs/String, with ros_stamp_ns in it; used once it comes; empty: none",
    ),
    Parameter("metadata.timeout_s", 0.1, "longest wait for a frame's metadata, once any have come", 0.0, 2.0),
    Parameter("metadata.required", False, "refuse frames whose metadata do not tell the exposure"),
    Parameter(
        "metadata.exposure_unit_us",
        100.0,
        "unit of actual_exposure (100: colour sensor of the D400 series); used when hw_timestamp and "
        "sensor_timestamp are not both there",
        0.001,
        10000.0,
    ),
    Parameter("time_offset_s", 0.0, "added to image stamps before poses are looked up", -1.0, 1.0),
    Parameter(
        "time_uncertainty_s",
        0.001,
        "how far mid-exposure may be off, stamps of camera and robot together: enters the error estimate only",
        0.0,
        1.0,
    ),
    Parameter("max_stamp_offset_s", 1.0, "stamps farther from this node's clock are named", 0.01, 3600.0),
    Parameter(
        "warn_pixel_error", 2.0, "an error estimate beyond this, px of the source image, is a warning", 0.01, 1000.0
    ),
    Parameter("max_pose_gap_s", 0.1, "widest gap between two pose samples that is interpolated", 0.001, 10.0),
    Parameter("pose_timeout_s", 0.25, "longest wait for the pose stream to reach a frame's stamp", 0.0, 10.0),
    Parameter("pose_horizon_s", 10.0, "how long poses are kept", 1.0, 600.0),
    # a message lost on a busy machine is asked for again at Fast DDS's heartbeat, every 3 s; later ones wait behind it
    Parameter("view_timeout_s", 10.0, "longest wait of ~/take_view for a frame", 0.1, 60.0),
    Parameter("auto", False, "take a view on its own whenever all gates are open: the arm rests at a new place"),
    Parameter(
        "gates.on_request",
        False,
        "gates hold for ~/take_view too; false: it takes the view, and what is wrong with the picture is a warning",
    ),
    Parameter("gates.rest_s", 0.4, "how long the arm must have rested; 0: it need not", 0.0, 10.0),
    Parameter("gates.rest_m", 0.0005, "largest movement that counts as rest, m", 0.000001, 0.1),
    Parameter("gates.rest_rad", 0.002, "largest rotation that counts as rest, rad", 0.000001, 0.5),
    Parameter("gates.max_blur", 0.55, "largest blur score (sharp: 0.2 to 0.5); 1: any", 0.0, 1.0),
    Parameter("gates.max_saturated", 0.25, "largest share of the object's pixels that are saturated; 1: any", 0.0, 1.0),
    Parameter("gates.max_black", 0.5, "largest share of the object's pixels that are black; 1: any", 0.0, 1.0),
    Parameter("gates.min_depth_coverage", 0.5, "smallest share of the object with measured depth; 0: any", 0.0, 1.0),
    Parameter(
        "gates.min_angle_rad",
        0.09,
        "a view is too close to one taken when it differs by less than this angle about the object",
        0.0,
        3.2,
    ),
    Parameter("gates.min_distance_m", 0.02, "and by less than this distance, m; 0: never too close", 0.0, 1.0),
)
