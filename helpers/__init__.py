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
    reads_at_once    reads under way at once, counted
    stopwatch        `seconds_of`: how long a call takes
    benchmarks       `compare_layouts`, `compare_engines`
    plots            `draw_chunks`
    compression      `compare_codecs`, `draw_codecs`
    damage           a flipped bit, and what is read
    genotypes        `genotypes`, made up
    air_model        weather, made up
    downloads        pooch, silent
    fetching         `fetch`: files that are not ours to keep
    air_temperature  `air_temperature`: a year of it, or the real one
    data             all of these under one name

Serving
    guarded_program  a program that is gone when its parent is
    redis_program    the Redis server that is found
    redis_stand_in   one written in Python, where none is
    redis_server     `redis_server`: a real Redis for a `with` block
    http_server      the same for what speaks HTTP
    wire             requests and bytes on the way to it, counted, slowed down, broken
    wired_server     what the object stores have in common
    cloud_environment  credentials where programs look for them
    s3_signature     who signed a request
    s3_buckets       who may read which bucket
    s3_server        `s3_server`
    azure_program    the Azurite that is found
    azure_server     `azure_server`
    feed             what a provider has, fetched
    feed_shelf       what a provider has, held
    feed_misdeeds    what it does wrong
    feed_server      `feed_server`
    servers          all of them under one name
    wire_reads       what a read takes on the wire, beside its plan
    cloud_errors     `complaint`: what a cloud's error says, in one line

Redis as a store
    redis_url        URLs, and addresses without secrets
    redis_client     connections, and errors in one sentence
    redis_values     values and byte ranges, many at one instant
    redis_keys       the strings under one prefix
    redis_room       is there memory for copies
    redis_store      `RedisStore`
    redis_transaction  many writes at one instant
    redis_freeze     copies that stay while a writer goes on
    redis_guard      one writer alone
    redis_at_hand    a Redis that runs, or a new one

Streaming
    ring             where each step lies
    ring_documents   its `zarr.json`
    ring_memory      does it fit
    frame_window     many frames as one lazy array
    frame_following  each frame as it comes
    store_bytes      the bytes of any store
    shared_ring      a ring in any store
    redis_ring_writer  a ring in Redis, written
    redis_news       who listens
    redis_bulk       large values, straight into memory
    redis_ring_reader  a ring in Redis, read
    frame_writer     `FrameWriter`
    frame_reader     `FrameReader`
    stream           both under one name
    life_patterns    pictures of Conway's Game of Life
    life_grids       `step`, `random_grid`, `place`
    life             `run`, and `python -m helpers.life`
    life_at_hand     a stream of Life that runs, or a new one
    early_design     how not to stream

Live views
    bokeh_origins    why a second port does not work
    live_controls    start, stop, speed
    running_views    which views run
    live_view        a figure that moves beside the cells
    page_messages    clicks, heard in turn with the cells
    live_plot        what it shows
    machine_load     this machine's processor and memory

Rain
    rain_steps       the steps of 3B42RT, and the names of its files
    rain_fields      its fields and grid
    rain_header      its header, written
    rain_parse       its header, read
    rain_decode      `decode`
    rain_encode      `encode`
    rain_systems     weather systems
    rain_drawing     their rain
    rain_swaths      who saw it
    rain_simulation  `simulate`
    rain_files       files of it
    rain             all of it under one name

Growing archives
    append_store     the store of an archive
    append_labels    labels of steps
    append_axis      the axis
    append_archive   the metadata
    append_check     what is refused
    append_begin     the first write
    append_blocks    pieces cut along chunks
    append_write     chunks
    append_plan      what is new, late, there already
    append_lock      one writer at a time
    append_publish   what is planned, published last
    append_verify    is all there
    append           `append`, `verify`
    commits          `append_commit`: the same as a transaction
    append_costs     requests and bytes of both
    follow           an archive that follows them
    append_program   `python -m helpers.append`
    archive_watch    a reader that doubts what it sees
    journal          every state that a store has been in

Other implementations
    array_pieces     small arrays in every way of Zarr v3
    core_archive     `write_core_archive`: all that its core names
    unknown_extensions  what no reader can know
    readers          `READERS`: implementations that Python can call
    zarrita_reader   the one in JavaScript
    support_matrix   their answers, compared bit by bit

Working in parallel
    thread_looks     what the threads are doing
    peak_memory      how much memory a function needs
    parallel_writes  `writer_processes`: processes that write at once
    hdf5_writers     the same for an HDF5 file
    meeting_store    bad luck, every time
    dask_cluster     a scheduler and workers as programs of their own

Teaching
    exercises        `check`: an answer checked on the spot
    store_suite      `run_suite`: zarr's own tests of a store
    store_checks     `read_elsewhere`, and the tests as a picture
"""
