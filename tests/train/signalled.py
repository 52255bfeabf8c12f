"""``wellread train sft`` that gets a signal in the middle of its work, as from outside.

    python tests/train/signalled.py SIGNAL TARGET KIND COUNT ARGUMENT...

In the forward pass number COUNT of a KIND (training, evaluating after it has begun, or beginning),
SIGNAL goes to this process, to all of its group or to its parent (TARGET). Under torchrun only the
second process sends it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any


def send_in(kind: str, left: int, send: Callable[[], Any]) -> Callable[[Any, Any], None]:
    """A hook that calls `send` in forward pass number `left` of a kind."""
    begun = False

    def count(module: Any, _inputs: Any) -> None:
        nonlocal begun, left
        if type(module).__name__ != "LlamaModel":
            return
        begun = begun or module.training
        seen = "training" if module.training else "evaluating" if begun else "beginning"
        if seen == kind:
            left -= 1
            if left == 0:
                send()

    return count


def sender(number: signal.Signals, target: str) -> Callable[[], Any]:
    """Sends the signal to a target."""
    # To the group from elsewhere: processes that read batches take one from their parent for a
    # leave.
    command = ["kill", f"-{number.value}", "--", f"-{os.getpgid(0)}"]
    return {
        "self": lambda: os.kill(os.getpid(), number),
        "group": lambda: subprocess.run(command, check=True, start_new_session=True),
        "parent": lambda: os.kill(os.getppid(), number),
    }[target]


def run(number: str, target: str, kind: str, count: str, *arguments: str) -> None:
    """Train with `arguments`."""
    import torch

    from wellread.cli import main

    if os.environ.get("RANK", "1") == "1":
        hook = send_in(kind, int(count), sender(signal.Signals[number], target))
        torch.nn.modules.module.register_module_forward_pre_hook(hook)
    sys.argv = ["wellread", "train", "sft", *arguments]
    main()


if __name__ == "__main__":
    run(*sys.argv[1:])
