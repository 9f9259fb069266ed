"""Where the emulator differs from AWS in a way that the suite would notice. Each says what AWS does."""


def apply():
    pass
