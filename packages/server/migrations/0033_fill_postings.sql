-- outside a transaction
CALL fill_postings();
