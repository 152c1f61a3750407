"""What is right in each lesson's exercises: ``lesson_NN.EXERCISES``."""
