"""Scores for captions, classes and tags, with their uncertainty and the baselines to read them by.

Captions are lists of tokens throughout: which tokenizer split them is part of a score's ``signature``. Classes
are whole numbers (N,), tags a table (N, K) with a row for each picture.
"""

from minicap.metrics.baselines import best_constant_caption as best_constant_caption
from minicap.metrics.baselines import random_caption as random_caption
from minicap.metrics.bleu import BleuScore as BleuScore
from minicap.metrics.bleu import corpus_bleu as corpus_bleu
from minicap.metrics.bleu import sentence_bleu as sentence_bleu
from minicap.metrics.bootstrap import Interval as Interval
from minicap.metrics.bootstrap import bootstrap_interval as bootstrap_interval
from minicap.metrics.cider import CiderScore as CiderScore
from minicap.metrics.cider import corpus_cider as corpus_cider
from minicap.metrics.classification import accuracy as accuracy
from minicap.metrics.classification import confusion_matrix as confusion_matrix
from minicap.metrics.classification import per_class_accuracy as per_class_accuracy
from minicap.metrics.exact import exact_match as exact_match
from minicap.metrics.image_gap import ImageGap as ImageGap
from minicap.metrics.image_gap import image_gap as image_gap
from minicap.metrics.perplexity import perplexity as perplexity
from minicap.metrics.signature import signature as signature
from minicap.metrics.signature import signature_text as signature_text
from minicap.metrics.tagging import MeanAveragePrecision as MeanAveragePrecision
from minicap.metrics.tagging import PrecisionRecallF1 as PrecisionRecallF1
from minicap.metrics.tagging import average_precision as average_precision
from minicap.metrics.tagging import mean_average_precision as mean_average_precision
from minicap.metrics.tagging import most_frequent_tags as most_frequent_tags
from minicap.metrics.tagging import precision_recall_f1 as precision_recall_f1
from minicap.metrics.tagging import recalled_tags as recalled_tags
from minicap.metrics.truth import truth_scores as truth_scores
