"""The error tree. Every message is one sentence for the person who can mend it, naming the file, key, call or device.

HotlineError
├── ConfigError          config.toml
├── DialplanError        dialplans/*.toml
├── PromptError          prompts/
├── PbxError             Asterisk: missing, not starting, port in use
├── AmiError             the manager connection
│   ├── LinkLost         it broke while an action was under way
│   ├── ActionTimeout    no answer within the deadline
│   └── ActionRefused    Asterisk answered "Error"
├── SpeechError          model missing or broken, recogniser died
└── StoreError           the database
"""


class HotlineError(Exception):
    """Anything that this program tells a person in a sentence."""


class ConfigError(HotlineError):
    pass


class DialplanError(HotlineError):
    pass


class PromptError(HotlineError):
    pass


class PbxError(HotlineError):
    pass


class AmiError(HotlineError):
    pass


class LinkLost(AmiError):
    pass


class ActionTimeout(AmiError):
    pass


class ActionRefused(AmiError):
    pass


class SpeechError(HotlineError):
    pass


class StoreError(HotlineError):
    pass
