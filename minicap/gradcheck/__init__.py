"""Check gradients: yours, ours, anyone's.

``check_op(conv2d_forward, x, w, b, stride=1)`` proves one derivative in one line; print the report.
``check_pair``, ``check_layer``, ``check_closure``, ``check_loss`` and ``check_model`` take code as it was written.
"""

from minicap.gradcheck.findings import KINDS as KINDS
from minicap.gradcheck.findings import Diagnosis as Diagnosis
from minicap.gradcheck.findings import Problem as Problem
from minicap.gradcheck.function import check_closure as check_closure
from minicap.gradcheck.function import check_loss as check_loss
from minicap.gradcheck.layer import check_layer as check_layer
from minicap.gradcheck.model import check_model as check_model
from minicap.gradcheck.numeric import numerical_gradient as numerical_gradient
from minicap.gradcheck.op import check_op as check_op
from minicap.gradcheck.op import check_pair as check_pair
from minicap.gradcheck.report import GradientResult as GradientResult
from minicap.gradcheck.report import Report as Report
