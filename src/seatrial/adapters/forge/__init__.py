"""Where changes are talked about: GitHub, GitLab, Gitea and Forgejo, and the git repository itself."""
