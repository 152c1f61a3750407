"""PyTorch's rows compute what minicap's do, in every way. Needs PyTorch, which minicap never does."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.bench.inputs import inputs_of
from minicap.bench.libraries import Minicap, PyTorch, child_job
from minicap.bench.our_models import build_model
from minicap.bench.rows import FORWARD, catalogue
from minicap.bench.talk import WorkerProcess
from minicap.bench.torch_models import build_twin, named_parameters, parameters_of, take_weights

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def pytorch():
    """Return PyTorch with one thread; more between operations can be set but once in a process."""
    library = PyTorch.__new__(PyTorch)
    torch.set_num_threads(1)
    library.torch, library.threads = torch, 1
    return library


def results(job, way):
    """Return what one call of a fresh job finds."""
    with job.ways[way]() as call:
        return job.arrays(call())


def test_both_find_the_same_in_every_way(pytorch, small_row):
    ours = Minicap(1).job(small_row)
    expected = results(ours, next(iter(ours.ways)))
    for way in pytorch.job(small_row).ways:
        found = results(pytorch.job(small_row), way)
        assert found.keys() == expected.keys()
        for name in expected:
            assert found[name].shape == expected[name].shape
            np.testing.assert_allclose(found[name], expected[name], rtol=5e-4, atol=5e-5)


def test_a_second_step_goes_on_where_the_first_ended(pytorch, stepping_row):
    found = []
    for library in (Minicap(1), pytorch):
        job = library.job(stepping_row)
        with next(iter(job.ways.values()))() as call:
            found.append(job.arrays([call(), call()][1]))
    for name in found[0]:
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=5e-3, atol=1e-3)


def test_images_are_tried_with_channels_last_and_forwards_in_inference_mode(pytorch, small_row):
    ways = list(pytorch.job(small_row).ways)
    images = any(array.ndim == 4 and len(array) > 1 for array in inputs_of(small_row).values())
    assert any("channels-last" in way for way in ways) == images
    assert any("inference mode" in way for way in ways) == (small_row.part == FORWARD)


@pytest.mark.parametrize("kind", ["classifier", "captioner"])
def test_a_twin_has_the_models_parameters_each_of_them(kind):
    (row,) = (row for row in catalogue(random=0) if row.kind == kind)
    params, twin = build_model(kind, row.options).params, build_twin(torch, kind, row.options)
    take_weights(twin, params)
    assert sum(p.numel() for p in parameters_of(twin)) == sum(array.size for array in params.values())
    for name, (param, turned) in named_parameters(twin).items():
        found = param.detach().numpy()
        np.testing.assert_array_equal(found.T if turned else found, params[name])


def test_another_model_is_no_twin():
    (row,) = (row for row in catalogue(random=0) if row.kind == "classifier")
    params = build_model("classifier", {**row.options, "hidden": [32]}).params
    with pytest.raises(ValueError, match="other parameters"):
        take_weights(build_twin(torch, "classifier", row.options), params)


def test_the_worker_speaks_for_pytorch(small_conv):
    with WorkerProcess("torch", 1, "shipped") as worker:
        assert worker.ask("about")["version"] == torch.__version__
        assert worker.ask("prepare", row=small_conv.to_dict())["ways"] == 4
        assert worker.ask("time", seconds=0.001)["times"]


def test_memory_of_a_new_process_is_in_mb():
    (row,) = (row for row in catalogue(random=0) if row.name == "peak memory of classifier steps")
    with child_job("torch", row, 1).ways["new process"]() as call:
        assert 1 < call() < 2000
