"""Checkpoints of every kind that claim what they do not hold: one line, and no memory taken for it."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.archive import write_archive
from minicap.data import Labels, Vocabulary
from minicap.errors import InputError
from minicap.layers import CELLS
from minicap.layers.positions import POSITIONS
from minicap.models import CONDITIONINGS, Captioner, Classifier, Tagger, conditionings_of, load_any
from minicap.models.storage import LATER, model_record

SMALL = {"encoder": "2,M,R3", "image_size": 4}
MEGABYTE = 2**20


def captioner(**options):
    """Return a captioner of the smallest sizes."""
    return Captioner(Vocabulary(["a"]), **SMALL | {"embed_size": 2, "hidden_size": 3} | options)


def classifier(**options):
    """Return a classifier of the smallest sizes."""
    return Classifier(["cat", "dog"], **SMALL | {"hidden": "5", "batch_norm": True} | options)


def tagger(**options):
    """Return a tagger of the smallest sizes."""
    return Tagger(["sea", "sky"], **SMALL | {"hidden": "5", "embed_size": 2, "hidden_size": 3} | options)


MODELS = {
    "captioner": (captioner, {}),
    "captioner, norm": (captioner, {"batch_norm": True, "conditioning": "none"}),
    "classifier": (classifier, {}),
    "spatial": (tagger, {"head": "spatial"}),
    "dense": (tagger, {"head": "dense"}),
    "sequence": (tagger, {"head": "sequence"}),
}


@pytest.fixture(params=MODELS)
def record(request):
    """Return arrays and settings of each kind of model, to be edited."""
    make, options = MODELS[request.param]
    return edited(make(**options))


def edited(model):
    """Return arrays and settings of a model, all of them copies."""
    arrays, meta = model_record(model)
    return {name: array.copy() for name, array in arrays.items()}, meta | {"config": dict(meta["config"])}


def refused(path, arrays, meta, message=r"\S"):
    """See that a record is refused with one line."""
    write_archive(path / "m.npz", arrays, meta)
    with pytest.raises(InputError, match=message) as caught:
        load_any(path / "m.npz")
    assert "m.npz: " in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def cheaply_refused(path, arrays, meta, message=r"\S", limit=2 * MEGABYTE):
    """See as well that no more memory is taken than its file explains."""
    tracemalloc.start()
    try:
        refused(path, arrays, meta, message)
        size = (path / "m.npz").stat().st_size
        assert tracemalloc.get_traced_memory()[1] < limit + 6 * size  # it is written here, too
    finally:
        tracemalloc.stop()


def test_what_is_not_edited_loads(record, tmp_path):
    write_archive(tmp_path / "m.npz", *record)
    assert load_any(tmp_path / "m.npz").config == record[1]["config"]


# Settings


CLAIMS = [
    {"encoder": ",".join(["1"] * 1000)}, {"encoder": "4096," * 63 + "4096"}, {"encoder": "R4096"}, {"encoder": ""},
    {"encoder": "2,M,R3,R3"}, {"encoder": "2,M,R4"}, {"encoder": "9" * 10**5}, {"encoder": "M"}, {"encoder": None},
    {"encoder": ["2"]}, {"hidden": "65536,65536"}, {"hidden": ",".join(["1"] * 1000)}, {"hidden": ""},
    {"hidden": "0000065536"}, {"hidden": "5,5"}, {"hidden": "²"}, {"hidden": [5]}, {"hidden": 5},
    {"embed_size": 10**9}, {"embed_size": 0}, {"hidden_size": 10**9}, {"hidden_size": -1}, {"layers": 10**9},
    {"layers": 10**30}, {"layers": 2}, {"image_size": 10**9}, {"image_size": 1}, {"image_size": True},
    {"batch_norm": 1}, {"batch_norm": "no"}, {"dropout": 1.0}, {"dropout": float("nan")}, {"dropout": [0]},
    {"dtype": "float16"}, {"seed": -1}, {"seed": None}, {"head": "neck"}, {"head": 1}, {"decoder": "transformer"},
    {"conditioning": "post"}, {"classes": 2}, {"labels": ["a"]}, {"vocabulary": 1}, {"preprocessing": {}},
]  # fmt: skip
EXTRA = {"classes", "labels", "vocabulary", "preprocessing"}
UNUSED = {  # settings that a tagger keeps, but its head does not look at
    "spatial": {"hidden", "embed_size", "hidden_size"},
    "dense": {"embed_size", "hidden_size"},
    "sequence": {"hidden"},
}


def cases():
    """Yield each kind of model with each claim that it could make."""
    for key, (make, options) in MODELS.items():
        settings_of = set(make(**options).config) | EXTRA
        for claim in CLAIMS:
            if set(claim) <= settings_of - UNUSED.get(key, set()):
                yield pytest.param(make, options, claim, id=f"{key} {claim}"[:60])


@pytest.mark.parametrize(("make", "options", "claim"), list(cases()))
def test_claims_that_the_arrays_do_not_bear_out_are_refused(make, options, claim, tmp_path):
    arrays, meta = edited(make(**options))
    meta["config"] |= claim
    cheaply_refused(tmp_path, arrays, meta, "make no sense|is needed")


@pytest.mark.parametrize("head", UNUSED)
def test_what_a_head_does_not_use_takes_no_memory(head, tmp_path):
    arrays, meta = edited(tagger(head=head))
    claim = {name: "65536" if name == "hidden" else 10**9 for name in UNUSED[head]}
    meta["config"] |= claim
    write_archive(tmp_path / "m.npz", arrays, meta)
    tracemalloc.start()
    try:
        model = load_any(tmp_path / "m.npz")
        assert tracemalloc.get_traced_memory()[1] < MEGABYTE
    finally:
        tracemalloc.stop()
    assert model.config.items() >= claim.items()


def test_every_setting_is_missed_and_no_other_is_taken(record, tmp_path):
    arrays, meta = record
    for name in set(meta["config"]) - set(LATER):
        less = {key: value for key, value in meta["config"].items() if key != name}
        refused(tmp_path, arrays, meta | {"config": less}, f"settings make no sense .*config: {name}")
    refused(tmp_path, arrays, meta | {"config": meta["config"] | {"more": 1}}, "config: more")


def test_what_came_later_has_its_default_in_a_file_without_it(record, tmp_path):
    arrays, meta = record
    older = {key: value for key, value in meta["config"].items() if key not in LATER}
    write_archive(tmp_path / "older.npz", arrays, meta | {"config": older})
    assert load_any(tmp_path / "older.npz").config == meta["config"]


@pytest.mark.parametrize("kind", ["Captioner", "Classifier", "Tagger"])
def test_a_kind_that_it_is_not(kind, record, tmp_path):
    arrays, meta = record
    if kind != meta["kind"]:
        refused(tmp_path, arrays, meta | {"kind": kind})


# Labels

NAMES = {
    "one more": ["a", "b", "c"], "one fewer": ["a"], "none": [], "one twice": ["a", "a"], "a number": ["a", 1],
    "an empty one": ["a", " "], "a text": "ab", "very many": [str(k) for k in range(10**5)], "nested": [["a"], ["b"]],
}  # fmt: skip


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("key", ["classifier", "spatial", "dense", "sequence"])
def test_labels_that_do_not_fit_are_refused(key, names, tmp_path):
    make, options = MODELS[key]
    arrays, meta = edited(make(**options))
    meta["vocabulary"] = meta["vocabulary"] | {"names": NAMES[names]}
    cheaply_refused(tmp_path, arrays, meta, limit=40 * MEGABYTE if names == "very many" else MEGABYTE)


def test_words_are_no_labels_and_labels_no_words(tmp_path):
    words, labels = Vocabulary(["a"]).to_dict(), Labels(["a", "b"]).to_dict()
    for model, wrong, message in (
        (classifier(), words, "is no list of names"),
        (tagger(), words, "is no list of names"),
        (captioner(), labels, "is not a vocabulary"),
    ):
        arrays, meta = edited(model)
        refused(tmp_path, arrays, meta | {"vocabulary": wrong}, message)


# Sizes that some arrays bear out, and others would have to be made for


def bear_out(arrays, meta, kind, words, leave):
    """Add every array that tells a size, but for those whose names hold ``leave``."""
    for name, shape in kind.telling_shapes(meta["config"], words).items():
        if leave not in name:
            arrays[f"model/{name}"] = np.zeros(shape, np.float32)


HOLES = {  # one weight of each is enormous; all that tell a size but this one are there
    "residual": (classifier, {"encoder": ",".join(["R4096,R1"] * 6), "hidden": ""}, "conv2"),
    "dense": (classifier, {"encoder": "2,M", "hidden": "65536,1,65536,65536"}, "linear4"),
    "pre": (
        captioner,
        {"conditioning": "pre", "embed_size": 20_000, "decoder": "rnn", "hidden_size": 1},
        "to_word",
    ),
    "init": (captioner, {"conditioning": "init", "embed_size": 20_000, "hidden_size": 300}, "to_state"),
    "par": (captioner, {"embed_size": 20_000, "hidden_size": 300}, "w_x"),
    "where": (
        captioner,
        {"image_size": 16, "encoder": "2048", "embed_size": 2048, "hidden_size": 1},
        "where",
    ),
    "sequence": (lambda: tagger(head="sequence"), {"embed_size": 20_000, "hidden_size": 300}, "w_x"),
}


@pytest.mark.parametrize("hole", HOLES)
def test_each_weight_as_large_as_any_has_to_be_there(hole, tmp_path):
    make, claim, leave = HOLES[hole]
    model = make()
    arrays, meta = edited(model)
    meta["config"] |= claim
    if "image_size" in claim:
        meta["preprocessing"] = meta["preprocessing"] | {"size": claim["image_size"]}
    bear_out(arrays, meta, type(model), len(model.vocabulary), leave)
    cheaply_refused(tmp_path, arrays, meta, rf"make no sense \(\S*{leave}\S* is ")


def test_layers_are_counted_before_they_are_believed(tmp_path):
    arrays, meta = edited(captioner(layers=2))
    arrays["model/decoder.rnn.layer20000.w_h"] = arrays["model/decoder.rnn.layer2.w_h"]
    meta["config"]["layers"] = 20_000
    cheaply_refused(tmp_path, arrays, meta, r"make no sense \(layers = 20000\)")
    meta["config"]["layers"] = 4  # as many as there are arrays for, but not these
    cheaply_refused(tmp_path, arrays, meta, r"decoder\.rnn\.layer3\.w_h is missing")


CONFIGS = {
    Captioner: st.fixed_dictionaries(
        {"conditioning": st.sampled_from(sorted(CONDITIONINGS)), "decoder": st.sampled_from(sorted(CELLS)),
         "layers": st.integers(1, 3)}
    ) | st.fixed_dictionaries(
        {"conditioning": st.sampled_from(conditionings_of("transformer")), "decoder": st.just("transformer"),
         "layers": st.integers(1, 3), "heads": st.just(1), "positions": st.sampled_from(sorted(POSITIONS)),
         "tied": st.booleans()}
    ),
    Classifier: st.fixed_dictionaries({"hidden": st.sampled_from(["", "3", "9,2,7"])}),
    Tagger: st.fixed_dictionaries(
        {"head": st.sampled_from(["spatial", "dense", "sequence"]), "decoder": st.sampled_from(sorted(CELLS)),
         "hidden": st.sampled_from(["", "9,2"])}
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONFIGS)
@given(data=st.data())
def test_what_is_told_explains_all_the_memory(kind, data):
    """Every array is told, or not larger than one that is: so a file has paid for what is made."""
    options = data.draw(CONFIGS[kind])
    options |= {"encoder": data.draw(st.sampled_from(["2", "3,M,R5", "R2,M,4"])), "image_size": 4}
    options["batch_norm"] = data.draw(st.booleans())
    if kind is not Classifier:
        options |= {name: data.draw(st.integers(1, 20)) for name in ("embed_size", "hidden_size")}
    words = [f"w{k}" for k in range(data.draw(st.integers(1, 9)))]
    model = kind(Vocabulary(words) if kind is Captioner else words, **options)
    shapes = {name: array.shape for name, array in model.params.items()}
    told = kind.telling_shapes(model.config, len(model.vocabulary))
    assert told.items() <= shapes.items()
    largest = max(np.prod(shape) for shape in told.values())
    assert all(name in told or np.prod(shape) <= largest for name, shape in shapes.items())
    assert sum(map(np.prod, shapes.values())) <= 4 * sum(map(np.prod, told.values())) + 400


# Numbers


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_and_named(value, record, tmp_path):
    arrays, meta = record
    for name in (next(iter(arrays)), list(arrays)[-1]):
        broken = arrays | {name: arrays[name].copy()}
        broken[name].flat[-1] = value
        refused(
            tmp_path, broken, meta, f"m.npz: {name[6:]} holds numbers that are not finite, or a negative var"
        )


def test_numbers_too_large_for_the_dtype_are_refused(record, tmp_path):
    arrays, meta = record
    name = next(iter(arrays))
    arrays[name] = np.full(arrays[name].shape, 1e300)
    refused(tmp_path, arrays, meta, "holds numbers that are not finite")


def test_a_variance_is_not_negative(tmp_path):
    arrays, meta = edited(classifier())
    arrays["model/encoder.norm1.running_mean"][0] = -3  # a mean may be
    write_archive(tmp_path / "m.npz", arrays, meta)
    load_any(tmp_path / "m.npz")
    arrays["model/encoder.norm1.running_var"][1] = -1e-9
    refused(
        tmp_path, arrays, meta, r"encoder\.norm1\.running_var holds numbers .* negative variance; use another"
    )


def test_every_array_is_needed_in_its_shape_and_kind(record, tmp_path):
    arrays, meta = record
    for name in arrays:
        less = {key: value for key, value in arrays.items() if key != name}
        refused(tmp_path, less, meta, rf"{name[6:]} is missing but ")
    for name in list(arrays)[::5]:
        array = arrays[name]
        refused(tmp_path, arrays | {name: array[..., None]}, meta, rf"{name[6:]} is .* but .* is needed")
        refused(tmp_path, arrays | {name: array.astype(np.int32)}, meta, rf"{name[6:]} is int32 .* is needed")


# Anything at all


@given(data=st.data())
def test_settings_of_any_kind_load_or_are_refused(data, record, tmp_path):
    arrays, meta = record
    anything = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=9),
        st.lists(st.integers(), max_size=2),
    )
    name = data.draw(st.sampled_from(sorted(meta["config"])))
    changed = meta | {"config": meta["config"] | {name: data.draw(anything)}}
    write_archive(tmp_path / "m.npz", arrays, changed)
    with suppress(InputError):
        load_any(tmp_path / "m.npz")
        return
    refused(tmp_path, arrays, changed)
