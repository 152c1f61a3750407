"""The bug behind a failed check: hypotheses about it, tried on the code itself.

``diagnose(evidence)`` asks one family of hypotheses after the other about every gradient that is wrong. A
hypothesis claims something only where it explains the whole difference, number by number; the surest claim
wins, and of equally sure ones the first. Where nothing explains the difference the diagnosis is ``unknown``.
"""

from minicap.gradcheck.diagnosis.evidence import Evidence as Evidence
from minicap.gradcheck.diagnosis.families import diagnose as diagnose
from minicap.gradcheck.diagnosis.families import diagnoses as diagnoses
from minicap.gradcheck.diagnosis.families import diagnoses_of_problems as diagnoses_of_problems
