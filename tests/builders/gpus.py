"""GPUs that torch believes in, until something is computed on one."""

from __future__ import annotations

import pytest
import torch


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, count: int, capability: tuple[int, int] = (9, 0)) -> None:
    """So many GPUs of one compute capability, with a torch that was built for 8.0 and for 9.0 and later."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "compute_90"])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device=None: "Pretended")
    monkeypatch.setattr(torch.cuda, "set_device", lambda _device: None)
