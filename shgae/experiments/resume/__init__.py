"""Whether a resumed training ends with the bits of an uninterrupted one."""
