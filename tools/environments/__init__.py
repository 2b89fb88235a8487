"""The environments of the course, each a folder of its own: what goes in, and how it gets there.

`tools/install.py` sets them up and `tools/lock.py` writes their locks; `table.py` lists them. Everything here
runs in whatever bare Python a learner has, so it needs nothing but the standard library, and no syntax newer
than Python 3.7: an old Python must get as far as being told that it is old.
"""
