"""``wellread train sft`` that gets a signal in the middle of its work, as from outside.

    python tests/train/signalled.py SIGNAL TARGET KIND COUNT ARGUMENT...

In the forward pass number COUNT of a KIND (training, evaluating after it has begun, or beginning),
SIGNAL goes to this process, to all of its group or to its parent (TARGET). Under torchrun only the
second process sends it.
"""

import os
import signal
import subprocess
import sys

import torch

from wellread.cli import main

number = signal.Signals[sys.argv[1]]
target, kind, left = sys.argv[2], sys.argv[3], int(sys.argv[4])
sends = os.environ.get("RANK", "1") == "1"
begun = False


def count(module: torch.nn.Module, inputs: object) -> None:
    """Send the signal when it is time."""
    global left, begun
    if type(module).__name__ != "LlamaModel":
        return
    begun = begun or module.training
    seen = "training" if module.training else "evaluating" if begun else "beginning"
    if seen == kind:
        left -= 1
        if left == 0 and sends:
            {"self": _to_self, "group": _to_group, "parent": _to_parent}[target]()


def _to_self() -> None:
    os.kill(os.getpid(), number)


def _to_group() -> None:
    # From elsewhere: processes that read batches take one from their parent for a leave.
    command = ["kill", f"-{number.value}", "--", f"-{os.getpgid(0)}"]
    subprocess.run(command, check=True, start_new_session=True)


def _to_parent() -> None:
    os.kill(os.getppid(), number)


torch.nn.modules.module.register_module_forward_pre_hook(count)
sys.argv = ["wellread", "train", "sft", *sys.argv[5:]]
main()
