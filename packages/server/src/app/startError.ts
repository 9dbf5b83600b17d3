/** Something outside the program keeps it from starting; the message says what, in one sentence. */
export class StartError extends Error {}
