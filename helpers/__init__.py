"""Helpers of the Zarr Notebooks: what the lessons import, tested like a library.

Each sub-package is one subject. Import from its front door, as in ``from helpers.redis import RedisStore``;
its docstring says which lessons use it. A sub-package knows those above it in this list, never those below.

    units     bytes, seconds and counts as a person reads them
    counting  stores that count requests and bytes, or are far away
    cost      what a read or a write will ask for, and what it costs
    figures   chunks, and the cells that a selection touches, drawn
    data      weather, genotypes and files of a provider
    rain      files of satellite rain: read, written, simulated
    servers   Redis, S3, Azure and a provider of files, on this machine for a `with` block
    measure   layouts, codecs and programs, compared
    redis     a Zarr store in Redis
    stream    frames of a running simulation, in a ring of chunks
    life      Conway's Game of Life, as a program that streams
    live      figures that move beside the cells
    parallel  processes and clusters that write at once
    append    archives that grow by a batch at a time
    readers   other implementations of Zarr, compared bit by bit
    teach     answers and stores of learners, checked
    doctor    is this machine ready? It needs nothing but Python
"""
