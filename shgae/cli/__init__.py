"""The command line: options in, one stage called, its result shown. No stage knows that this room exists.

================  ====================================================================================
``app``           the application and :func:`~shgae.cli.app.main`, which turns errors into exit codes
``interrupts``    Ctrl-C once, and twice
``command``       what every command module is made with and returns: signature, help, config, progress, result
``commands``       one thin module a command
``options``       the options that several commands share, and the old spellings of others
``inputs``        paths that are looked at before anything slow is imported
``needs``         options that change nothing without another one
``fields``        what the help says of a config's fields
``config_file``   ``--config FILE.toml``, and recipe < file < command line
``console``       progress and notes on standard error, results on standard output
``tables``        results as tables, for people
``table_layout``  how a table fits the terminal's width
``progress``      progress on a terminal and in a file, with the time left
``launcher``      ``--nproc N``: a command line in N processes on this machine
``device_faults`` what torch says when a device cannot go on, in words
``completions``   writes the scripts in ``completions/``
================  ====================================================================================

Everything here is imported by ``shgae --help``, so torch, numpy and the stages are imported inside functions.
"""
