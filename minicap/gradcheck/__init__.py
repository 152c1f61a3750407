"""Check gradients: yours, ours, anyone's.

``check_op(conv2d_forward, x, w, b, stride=1)`` proves one derivative in one line; print the report.
"""

from minicap.gradcheck.layer import check_layer as check_layer
from minicap.gradcheck.model import check_model as check_model
from minicap.gradcheck.numeric import numerical_gradient as numerical_gradient
from minicap.gradcheck.op import check_op as check_op
from minicap.gradcheck.report import GradientResult as GradientResult
from minicap.gradcheck.report import Report as Report
