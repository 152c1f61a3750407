"""Around the lessons: finding, copying and exporting them, checking answers, and what lessons themselves call.

The lessons are files to read and run, not modules: ``tutorials/`` in a checkout, ``lessons/`` beside this file where
the package is installed.
"""

from minicap.tutorials.catalogue import Lesson as Lesson
from minicap.tutorials.catalogue import copy_lessons as copy_lessons
from minicap.tutorials.catalogue import find_lesson as find_lesson
from minicap.tutorials.catalogue import lessons as lessons
from minicap.tutorials.catalogue import lessons_folder as lessons_folder
