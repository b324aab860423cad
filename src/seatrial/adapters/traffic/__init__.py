"""The proxies that a gateway can be, and what they share: see `seatrial.ports.Traffic`.

`matching` says whose a request is, `kept` remembers what was asked for, `units` hides who a user is, `logs` names and
turns over the files of an access log, and `proxy` keeps a program running. Each proxy adds only its own language.
"""
