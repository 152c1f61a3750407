"""Five captions a scene: different, short, and for the most part in the same order."""

from __future__ import annotations

from collections import Counter

from minicap.data.scenes import WORDS
from minicap.data.scenes.captions import write_captions
from minicap.data.scenes.geometry import PLACES, RELATIONS
from minicap.data.scenes.grammar import parse
from minicap.data.scenes.random_bits import RandomBits


def test_five_different_sentences_of_known_words(everything):
    for scene in everything:
        assert len(set(scene.captions)) == len(scene.captions) == 5
        for caption in scene.captions:
            assert set(caption.split()) <= set(WORDS)
            assert 3 <= len(caption.split()) <= 20


def test_every_word_place_and_relation_is_used(everything):
    captions = [caption for scene in everything for caption in scene.captions]
    assert {word for caption in captions for word in caption.split()} == set(WORDS)
    clauses = [clause for caption in captions for clause in parse(caption)]
    assert {clause.relation for clause in clauses} == {None, *RELATIONS}
    assert {clause.subject.place for clause in clauses} == {None, *PLACES}


def test_the_shortest_caption_of_one_thing_is_the_commonest(pool):
    captions = [c for s in pool["train"] if len(s.objects) == 1 for c in s.captions]
    lengths = Counter(len(caption.split()) for caption in captions)
    scenes = len(captions) // 5
    assert lengths[3] > 0.8 * scenes  # nearly every scene has "a red circle"


def test_most_captions_begin_with_the_first_thing(pool):
    first = [
        (parse(caption)[0].subject.shape, scene.objects[0].shape)
        for scene in pool["train"]
        if len({thing.shape for thing in scene.objects}) == len(scene.objects) > 1
        for caption in scene.captions
    ]
    assert sum(said == stands for said, stands in first) > 0.75 * len(first)


def test_captions_depend_on_the_bits_alone(street):
    assert write_captions(street.objects, RandomBits(3)) == write_captions(street.objects, RandomBits(3))
    assert write_captions(street.objects, RandomBits(3)) != write_captions(street.objects, RandomBits(4))


def test_alike_things_are_counted_unless_their_sizes_are_named(street):
    mixed = (street.objects[1], street.objects[2]._replace(size="large", radius=0.18))
    said = {caption for seed in range(40) for caption in write_captions(mixed, RandomBits(seed))}
    assert "two blue stars" in said
    assert "a small blue star and a large blue star" in said
    assert not any("two small" in caption or "two large" in caption for caption in said)
