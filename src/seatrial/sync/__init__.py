"""The project's code, copied one way from a git ref into a workspace.

Teams keep their code in git and run it in a workspace that knows nothing of git: a share, a bucket, Databricks. What
keeps the two alike is here, and never writes back.

    refs        which commit, and whose folder it belongs into
    names       folders of branches: safe on every target, and back again
    files       what the ref has: committed content only, no checkout
    plan        what to write and to remove; pure
    branches    which branches there are, for removing the folders of those that are gone
    copying     brings a folder to where the ref is, also beside other syncs
    tools       what a sync works with
    run         the story of one sync
    text        what it did, for people
"""
