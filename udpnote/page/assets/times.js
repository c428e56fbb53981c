/** Days and times of notes, in the browser's time zone and the page's language. Times are in microseconds since 1970 UTC. */

/** The forms of dates, as options of `Intl.DateTimeFormat`. */
const FORMS = {
  dayOfYear: { weekday: "long", day: "numeric", month: "long" },
  dayAndYear: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
  full: { dateStyle: "full", timeStyle: "medium" },
};

export class Times {
  #formats = new Map();

  /** `now()` returns the time in milliseconds since 1970 UTC. */
  constructor(words, now = Date.now) {
    this.words = words;
    this.now = now;
  }

  /** The day of a time as a text such as 2026-11-28. Such texts are ordered as the days are. */
  day(microseconds) {
    return dayOf(dateAt(microseconds));
  }

  /** The heading for a day, which is a text as `day` returns it. */
  heading(day) {
    const now = new Date(this.now());
    if (day === dayOf(now)) return this.words.say("today");
    if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return this.words.say("yesterday");
    const date = new Date(`${day}T12:00:00`);
    return this.#formatted(date, date.getFullYear() === now.getFullYear() ? "dayOfYear" : "dayAndYear");
  }

  /** The time of the day, such as 09:05. */
  clockTime(microseconds) {
    const date = dateAt(microseconds);
    return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
  }

  fullTime(microseconds) {
    return this.#formatted(dateAt(microseconds), "full");
  }

  iso(microseconds) {
    return dateAt(microseconds).toISOString();
  }

  /** `date` in one of the `FORMS`. Making a format takes a browser 10 ms, so each is made when it is first used. */
  #formatted(date, form) {
    if (!this.#formats.has(form)) this.#formats.set(form, new Intl.DateTimeFormat(this.words.language, FORMS[form]));
    return this.#formats.get(form).format(date);
  }
}

/** The `Date` of a time. It has whole milliseconds, and is not later: before 1970, `Date` itself would round up to the next one. */
function dateAt(microseconds) {
  return new Date(Math.floor(microseconds / 1000));
}

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

function dayOf(date) {
  const year = String(date.getFullYear()).padStart(4, "0");
  return `${year}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
}
