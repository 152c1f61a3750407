"""METEOR 1.5 with exact and stem matches, as the Java program computes it with ``-l en -norm -m "exact stem"``.

``normalizer`` makes words of a caption, ``words`` says what is known of a word, ``matches`` finds the places
where two captions agree, ``aligner`` chooses among them, and ``score`` turns the choice into a number.
"""

from minicap.metrics.meteor.score import MeteorScore as MeteorScore
from minicap.metrics.meteor.score import corpus_meteor as corpus_meteor
from minicap.metrics.meteor.score import meteor_from_counts as meteor_from_counts
from minicap.metrics.meteor.score import sentence_meteor as sentence_meteor
