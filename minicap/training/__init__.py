"""Training: the loop, its checkpoints and run folders, and honest evaluation."""

from minicap.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from minicap.training.config import TrainConfig
from minicap.training.evaluation import Evaluation, evaluate, judge_captions
from minicap.training.interrupt import InterruptedTraining
from minicap.training.objective import NotFiniteError, likelihood
from minicap.training.preparing import Splits, read_corpus, read_splits
from minicap.training.run import RunFolder
from minicap.training.session import judge_run, task_of, train_run
from minicap.training.trainer import Trainer

__all__ = [
    "Evaluation",
    "InterruptedTraining",
    "NotFiniteError",
    "RunFolder",
    "Splits",
    "TrainConfig",
    "Trainer",
    "TrainingState",
    "evaluate",
    "judge_captions",
    "judge_run",
    "likelihood",
    "load_checkpoint",
    "read_corpus",
    "read_splits",
    "save_checkpoint",
    "task_of",
    "train_run",
]
