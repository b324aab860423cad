"""TorchScript modules and exported programs; torch itself is large, and these tests run where it is installed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.records import UsageError
from seatrial.records.serving import Tensor
from tests.serve.loaders.makers import answers, opened

# tests/conftest.py lets skips for this reason pass in CI, and no others.
TOO_LARGE_FOR_CI = "torch is not installed: three gigabytes with its CUDA libraries"

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def test_without_torch_the_error_says_what_to_install(tmp_path: Path) -> None:
    """Where it is installed, that the file holds no model."""
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(UsageError) as raised:
        opened(tmp_path / "model.pt")
    assert "torch" in raised.value.remedy


def test_a_script_takes_what_its_signature_file_says(tmp_path: Path) -> None:
    """It says nothing itself."""
    torch: Any = pytest.importorskip("torch", reason=TOO_LARGE_FOR_CI)
    layer = torch.nn.Linear(3, 1)
    torch.jit.script(layer).save(str(tmp_path / "model.pt"))
    with pytest.raises(UsageError, match="doesn't say which arrays it takes"):
        opened(tmp_path / "model.pt")
    (tmp_path / "signature.json").write_text('{"inputs": {"count": 3}}')
    rows = np.random.default_rng(0).normal(size=(4, 3))
    expected = layer(torch.tensor(rows, dtype=torch.float32)).detach().numpy()[:, 0]
    np.testing.assert_allclose(expected, answers(opened(tmp_path / "model.pt"), rows.tolist()).predictions, rtol=1e-5)


def test_an_exported_program_says_what_it_takes(tmp_path: Path) -> None:
    """By its example inputs."""
    torch: Any = pytest.importorskip("torch", reason=TOO_LARGE_FOR_CI)
    layer = torch.nn.Linear(3, 2)
    example = (torch.ones(2, 3),)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(layer, example, dynamic_shapes=({0: batch},))
    torch.export.save(program, str(tmp_path / "model.pt2"))
    model = opened(tmp_path / "model.pt2")
    assert (Tensor(name="input", dtype="float32", shape=(None, 3)),) == model.predictor.signature.tensors
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    expected = layer(torch.tensor(rows)).detach().numpy()
    np.testing.assert_allclose(expected, answers(model, {"input": rows}).predictions, rtol=1e-5)
