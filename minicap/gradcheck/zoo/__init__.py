"""The zoo: coursework layers as students write them, and the mutants that the checker has to catch and to name.

``catalogue.LAYERS`` says how each layer is called, ``shapes.draw_inputs`` draws inputs for it, ``mutants.MUTANTS``
are its known bugs as text edits, and ``load.load`` makes a module of an edited file. The files in ``students``
are read as text and run by ``load``; nothing imports them.
"""
