"""The training of captioners."""

from __future__ import annotations

import statistics
from typing import Any

from minicap.data.batches import CaptionBatches
from minicap.data.dataset import CaptionData
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import Vocabulary
from minicap.models import Caption, Captioner
from minicap.training.config import TrainConfig
from minicap.training.evaluation import evaluate, validation_scores
from minicap.training.feature_files import noted_source, open_features
from minicap.training.task import Judged, Task


class Captioning(Task):
    """Sentences: words are counted, captions are judged as they run free."""

    model = Captioner

    def vocabulary(self, config: TrainConfig, train: CaptionData) -> Vocabulary:
        """Return the words of the training captions."""
        captions = (text for texts in train.captions for text in texts)
        return Vocabulary.build(captions, tokenizer=config.tokenizer, min_count=config.min_count)

    def build(self, config: TrainConfig, vocabulary: Vocabulary, preprocessing: Preprocessing) -> Captioner:
        """Return a captioner that has learnt nothing yet, and knows which features it is going to read."""
        source = noted_source(open_features(config.features)) if config.features else ""
        return Captioner(
            vocabulary, preprocessing=preprocessing, features_of=source, **config.model_options()
        )

    def batches(
        self, config: TrainConfig, train: CaptionData, model: Captioner, *, progress: bool = False
    ) -> CaptionBatches:
        """Return batches with as many captions a picture as the configuration asks for."""
        several = config.captions_per_image or min(
            5, round(statistics.median(len(texts) for texts in train.captions))
        )
        return CaptionBatches(
            train, model.vocabulary, model.preprocessing, config.batch_size, captions_per_image=several,
            augmentation=config.augmentation(), dtype=model.dtype, progress=progress,
        )  # fmt: skip

    def validate(self, model: Captioner, data: CaptionData, *, seed: int = 0) -> dict[str, float]:
        """Return the loss, and the scores of free-running captions."""
        return validation_scores(model, data, seed=seed)

    def judge(
        self, model: Captioner, data: CaptionData, *, train: CaptionData | None = None, seed: int = 0
    ) -> Judged:
        """Return every metric and the captions."""
        metrics, captions = evaluate(model, data, train=train, seed=seed)
        return Judged(metrics, caption_records(data, captions))


def caption_records(data: CaptionData, captions: list[Caption]) -> list[dict[str, Any]]:
    """Return what ``samples.json`` holds of each captioned picture.

    Parameters
    ----------
    data : CaptionData
        N pictures.
    captions : list of N Caption

    Returns
    -------
    list of N dict
        ``caption``, ``log_prob``, ``references``, and for scenes the judgement.
    """
    records = [
        {"caption": str(caption), "log_prob": caption.log_prob, "references": list(references)}
        for caption, references in zip(captions, data.captions, strict=True)
    ]
    if data.scenes is None:
        return records
    from minicap.data.scenes import judge

    judged = (judge(text, scene)._asdict() for text, scene in zip(captions, data.scenes, strict=True))
    return [record | judgement for record, judgement in zip(records, judged, strict=True)]
