"""The accelerators that torch can compute on here."""

from __future__ import annotations

from typing import Any

from bench.errors import InputError


def accelerators() -> list[dict[str, Any]]:
    """Device, name and memory in bytes of each; none where torch is missing or finds none."""
    try:
        import torch
    except ImportError:
        return []
    found: list[dict[str, Any]] = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(number)
            found.append({"device": f"cuda:{number}", "name": device.name, "memory": device.total_memory})
    if torch.backends.mps.is_available():
        found.append({"device": "mps", "name": "Apple GPU", "memory": None})
    return found


def refuse_absent(device: str | None) -> None:
    """InputError where torch has no device of that name here; None is its own choice."""
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        raise InputError(f"--device {device}: torch has no such device here: {str(error).splitlines()[0]}") from None
