/**
 * The database that the browser keeps for this page (IndexedDB): opening it, and transactions that are promises.
 *
 * A promise of `transact` is fulfilled only when the browser has reported the transaction as complete. Nearly all transactions
 * that write ask for `durability: "strict"`. Then the browser reports that only after the data is on the disk.
 */

const VERSION = 1;

/** A promise of the result of one `request` to the database. */
export function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Database {
  #opening = null;

  /** `indexedDB` is the browser's factory of databases; undefined if the browser has none. */
  constructor(indexedDB, name = "udpnote") {
    this.factory = indexedDB;
    this.name = name;
  }

  /** Open the database, or make it if there is none. The promise is rejected if the browser keeps no data. */
  open() {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  /**
   * Call the asynchronous function `work` with a transaction of all stores, and return its result. `mode` is
   * "readonly" or "readwrite".
   *
   * `work` may await only requests of the transaction, because a transaction without requests ends. If `work` throws, all that
   * it has written is undone.
   */
  async transact(mode, work, { durability = "strict" } = {}) {
    const transaction = await this.#begin(mode, { durability });
    return new Promise((resolve, reject) => {
      let value;
      let failure = null;
      transaction.oncomplete = () => resolve(value);
      transaction.onabort = () => reject(failure ?? transaction.error ?? new DOMException("aborted", "AbortError"));
      work(transaction).then(
        (returned) => { value = returned; },
        (error) => {
          failure = error;
          try {
            transaction.abort();
          } catch {
            reject(error); // the transaction has ended already
          }
        },
      );
    });
  }

  async #begin(mode, options) {
    try {
      return (await this.open()).transaction(["entries", "facts"], mode, options);
    } catch (error) {
      if (error.name !== "InvalidStateError") throw error;
      // Safari closes the database of a page that was in the background for long: open it again.
      this.#opening = null;
      return (await this.open()).transaction(["entries", "facts"], mode, options);
    }
  }

  async #open() {
    if (!this.factory) throw new DOMException("this browser has no IndexedDB", "NotSupportedError");
    const request = this.factory.open(this.name, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("entries", { keyPath: "order", autoIncrement: true });
      request.result.createObjectStore("facts");
    };
    const database = await result(request);
    database.onversionchange = () => database.close();
    database.onclose = () => { this.#opening = null; };
    return database;
  }
}
