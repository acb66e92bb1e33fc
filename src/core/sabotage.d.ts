/**
 * The name of a deliberate mistake, given by a fault campaign to prove that it would be noticed. The build replaces it
 * by the empty string and drops every branch that asks for a name, so the package holds none of them.
 */
declare const __SABOTAGE__: string;
