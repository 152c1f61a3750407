"""The lists that METEOR goes by: English function words, and abbreviations that keep their dot.

Both are data of the standard program, version 1.5, and scores depend on every entry. Function words are the
words and marks that are at least one in a thousand of a large newspaper corpus; curly quotes are left out,
for the normaliser has made them straight before anything is looked up. The abbreviations are those of the
Moses tokenizer for English.
"""

from __future__ import annotations

_FUNCTION_WORDS = """
    a about after all also an and are as at be been but by can could first for from had has have he her his
    i if in into is it its last more new no not of on one or other out over people s said she so some than
    that the their there they this time to two up was we were what when which who will with would year years
    you 's 't ' " , . : ? $ ( ) - -- — -lrb- -rrb-
"""

# Before these, and before a dot, a sentence does not end. Upper case counts: "St." keeps its dot, "st." not.
_ABBREVIATIONS = """
    A B C D E F G H I J K L M N O P Q R S T U V W X Y Z
    Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr Con Corp Cpl DR Dr Drs Ens Gen Gov Hon Hosp Hr
    Insp Lt MM MR MRS MS Maj Messrs Mlle Mme Mr Mrs Ms Msgr Nos Nr Op Ord Pfc Ph Prof Pvt Rep Reps Res Rev
    Rt Sen Sens Sfc Sgt Sr St Supt Surg e.g i.e rev v vs
"""

FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
ABBREVIATIONS_BEFORE_NUMBERS = frozenset({"Art", "No", "pp"})
