"""What :mod:`shgae.data.synthetic` draws: how people stand (stance), their looks (puppet), what is near (backdrop)."""
