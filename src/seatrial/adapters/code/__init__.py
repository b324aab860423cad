"""Where code is copied to: a directory, a bucket, a Databricks workspace.

place       what the three have to be able to do
target      the CodeTarget port on any of them, with its books
directory, objects, databricks    one each
"""
