"""The API's client, generated from proto/ into target/test-proto where it is missing or older."""
import glob
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GENERATED = os.path.join(ROOT, "target", "test-proto")


def generate():
    """Runs protoc where it has to; several processes may do so at once."""
    protos = glob.glob(os.path.join(ROOT, "proto", "callplane", "*", "v1", "*.proto"))
    stamp = os.path.join(GENERATED, "made")
    newest = max(os.path.getmtime(path) for path in protos)
    if os.path.exists(stamp) and os.path.getmtime(stamp) >= newest:
        return
    os.makedirs(GENERATED, exist_ok=True)
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", os.path.join(ROOT, "proto")]
    subprocess.run([*command, f"--python_out={GENERATED}", f"--grpc_python_out={GENERATED}", *protos], check=True)
    with open(stamp, "w", encoding="ascii"):
        pass


generate()
sys.path.insert(0, GENERATED)
# The warnings of a library about forks are no news: nothing here forks after a channel is made.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc  # noqa: E402
from callplane.media.v1 import media_service_pb2 as media, media_service_pb2_grpc as media_rpc  # noqa: E402
from callplane.session.v1 import bridge_service_pb2 as bridge, bridge_service_pb2_grpc as bridge_rpc  # noqa: E402
from callplane.session.v1 import errors_pb2 as errors, events_pb2 as events  # noqa: E402
from callplane.session.v1 import event_service_pb2 as stream, event_service_pb2_grpc as stream_rpc  # noqa: E402
from callplane.session.v1 import playback_service_pb2 as playback, playback_service_pb2_grpc as playback_rpc  # noqa: E402
from callplane.session.v1 import session_service_pb2 as session, session_service_pb2_grpc as session_rpc  # noqa: E402
from callplane.session.v1 import types_pb2 as types  # noqa: E402

__all__ = [
    "grpc", "media", "media_rpc", "bridge", "bridge_rpc", "errors", "events", "stream", "stream_rpc", "playback", "playback_rpc",
    "session", "session_rpc", "types", "reason_of",
]


def reason_of(status):
    """The reason of ErrorInfo in a CommandStatus; empty when there is none. Read by hand: googleapis' classes are not needed."""
    for detail in status.details:
        if detail.type_url.endswith("google.rpc.ErrorInfo"):
            return first_string(detail.value)
    return ""


def reason_of_error(error):
    """The same of a gRPC error, from its grpc-status-details-bin."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return reason_of(stream.CommandStatus.FromString(value))
    return ""


def first_string(data):
    """Field 1 of a message when it comes first and is text: ErrorInfo.reason."""
    if len(data) < 2 or data[0] != 0x0A:
        return ""
    return data[2 : 2 + data[1]].decode()
