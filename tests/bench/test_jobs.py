"""Every row runs, in every way, and the ways agree; results have prints that tell them apart."""

from __future__ import annotations

import json

import numpy as np
import pytest

import minicap
from minicap.bench import Row, catalogue
from minicap.bench.inputs import END, PAD, START, inputs_of
from minicap.bench.jobs import fingerprint, same
from minicap.bench.libraries import Minicap, child_job
from minicap.bench.rows import BACKWARD


@pytest.fixture
def library():
    """Return minicap with two threads, so that all ways are there, and leave one."""
    yield Minicap(2)
    minicap.set_num_threads(1)


def results(job, way):
    """Return what one call of a fresh job finds."""
    with job.ways[way]() as call:
        return job.arrays(call())


def test_every_row_finds_what_it_finds_by_the_reference(library, small_row):
    ways = list(library.job(small_row).ways)
    with minicap.use_kernels("reference"):
        expected = results(library.job(small_row), ways[0])
    assert expected
    for way in ways:
        found = results(library.job(small_row), way)
        assert found.keys() == expected.keys()
        for name in expected:
            assert np.isfinite(expected[name]).all()
            np.testing.assert_allclose(found[name], expected[name], rtol=2e-4, atol=2e-5)


def test_a_batch_of_several_threads_is_shared_or_not(library, small_row):
    ways = list(library.job(small_row).ways)
    steps = small_row.kind in ("classifier", "captioner")
    assert ways[1:] == (["batch shared among threads"] if steps else [])


def test_inputs_are_the_same_each_time_and_in_the_type_of_both_libraries(small_row):
    one, two = inputs_of(small_row), inputs_of(small_row)
    assert one
    for name, array in one.items():
        assert array.dtype in (np.float32, np.int64, bool)
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, two[name])


def test_captions_begin_end_and_are_padded():
    row = next(row for row in catalogue(random=0) if row.kind == "captioner")
    given = inputs_of(row)
    tokens, mask = given["tokens"], given["mask"]
    assert (tokens[:, 0] == START).all()
    assert mask[0].all()  # the longest caption fills its row
    assert not mask.all()
    assert ((tokens == END).sum(axis=1) == 1).all()
    assert (tokens[:, 1:][~mask] == PAD).all()
    assert (tokens[:, 1:][mask] != PAD).all()
    assert (np.take_along_axis(tokens, mask.sum(axis=1)[:, None], 1) == END).all()


def test_an_embedding_has_few_words_often():
    (row,) = (row for row in catalogue(random=0) if row.kind == "embedding" and row.part == BACKWARD)
    ids = inputs_of(row)["ids"]
    assert 0 <= ids.min() <= ids.max() < 10_000
    assert np.bincount(ids).max() > 5


def test_a_print_tells_arrays_apart_and_forgives_rounding(rng):
    array = rng.standard_normal((20, 30)).astype(np.float32)
    prints = fingerprint({"y": array})
    assert prints["y"][0] == pytest.approx(np.sqrt((array.astype(float) ** 2).mean()))
    assert json.loads(json.dumps(prints)) == prints
    assert same(prints, fingerprint({"y": array * np.float32(1 + 1e-5)}))
    for other in (array[::-1], array.T, -array, array * np.float32(1.01), np.full_like(array, np.nan)):
        assert not same(prints, fingerprint({"y": other}))
    assert not same(prints, fingerprint({"z": array}))
    assert fingerprint({"none": np.empty(0)}) == {"none": [0.0, 0.0]}


def test_starting_is_a_new_process_that_works():
    row = Row("import", "process", "import", "package")
    job = child_job("minicap", row, 1)
    assert job is not None
    with job.ways["new process"]() as call:
        assert call() == ""


def test_other_rows_need_no_new_process(small_row):
    assert child_job("minicap", small_row, 1) is None
