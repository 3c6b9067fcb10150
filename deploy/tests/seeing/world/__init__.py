"""The program among its peers, with traffic and incidents."""
