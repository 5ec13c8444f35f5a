"""The tables, each file with those that belong together; triggers, functions and checks are in the migrations alone.

Who asks loads only the files that its question needs.
"""
