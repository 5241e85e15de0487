"""One module a command.

A command module has one function, made a :class:`~shgae.cli.command.Command` by ``@command``. It imports its stage
inside the body (torch takes a second, help must not), calls ``run``, and returns an
:class:`~shgae.cli.command.Outcome`: the result's JSON, tables for people, the next command. To add one: write the
module, put it into ``COMMANDS``, name it in README.md, run ``python -m shgae.cli.completions completions``.
"""

from shgae.cli.command import Command
from shgae.cli.commands.analyze import analyze
from shgae.cli.commands.compare import compare
from shgae.cli.commands.convert import convert
from shgae.cli.commands.demo import demo
from shgae.cli.commands.doctor import doctor
from shgae.cli.commands.evaluate import evaluate
from shgae.cli.commands.export import export
from shgae.cli.commands.extract import extract
from shgae.cli.commands.finetune import finetune
from shgae.cli.commands.graft import graft
from shgae.cli.commands.import_model import import_model
from shgae.cli.commands.info import info
from shgae.cli.commands.plot import plot
from shgae.cli.commands.predict import predict
from shgae.cli.commands.prepare import prepare
from shgae.cli.commands.pretrain_ae import pretrain_ae
from shgae.cli.commands.rate import rate
from shgae.cli.commands.report import report
from shgae.cli.commands.show import show
from shgae.cli.commands.splice import splice
from shgae.cli.commands.study import study
from shgae.cli.commands.train import train
from shgae.cli.commands.verify import verify
from shgae.cli.commands.verify_resume import verify_resume

COMMANDS: tuple[Command, ...] = (
    convert,
    prepare,
    train,
    import_model,
    extract,
    pretrain_ae,
    graft,
    finetune,
    evaluate,
    demo,
    study,
    compare,
    splice,
    rate,
    analyze,
    predict,
    export,
    plot,
    report,
    show,
    info,
    verify,
    verify_resume,
    doctor,
)
"""In the order of ``shgae --help``: the method first, step by step."""
