/** What is given in one turn of the event loop is worked on together. */
export function inOneTurn<T>(work: (items: readonly T[]) => Promise<void>): (item: T) => void {
  let gathered: T[] = [];
  return (item) => {
    gathered.push(item);
    if (gathered.length > 1) return;
    setImmediate(() => {
      const items = gathered;
      gathered = [];
      // What nobody foresaw ends the process, as it would in a call of its own.
      void work(items);
    });
  };
}
