"""Prints the digest of an answer: ``python -m helpers.teach NN.name ANSWER``."""

import ast
import sys

from helpers.teach.exercises import digest

print(digest(sys.argv[1], ast.literal_eval(sys.argv[2])))
