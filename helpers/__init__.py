"""Helpers of the Zarr Notebooks: what the lessons import, tested like a library.

Each module is one idea. A module knows those above it in its list, never those below.

Counting
    units            bytes, seconds and dollars as a person reads them
    request_store    the one place that every request to a wrapped store passes
    slow_store       `SlowStore`: a store as far away as you like
    counting_store   `CountingStore`: requests and bytes, counted

Predicting
    grids            shapes, chunks and shards, checked
    selections       what stands between the brackets, and the chunks it touches
    shards           what reading from shards asks for
    prices           `Prices`, `S3_STANDARD`: what an object store charges
    plans            `ReadPlan`, `WritePlan`: requests, bytes, time and money
    planning         `plan_read`, `plan_write`
    chunks           `suggest_chunks`, and all of the above under one name

Comparing and showing
    engines          the programs that read one stored array
    benchmarks       `compare_layouts`, `compare_engines`
    plots            `draw_chunks`

Teaching
    exercises        `check`: an answer checked on the spot
    servers          the servers that the lessons talk to
"""
