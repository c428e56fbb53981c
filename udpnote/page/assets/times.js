/** Days and times of notes, in the browser's time zone and the page's language. Times are in microseconds since 1970 UTC. */

export class Times {
  constructor(words, now = Date.now) {
    this.words = words;
    this.now = now;
    const language = words.language;
    this.clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.dayOfYear = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
    this.dayAndYear = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
    this.full = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" });
  }

  /** The day of a time as a text such as 2026-11-28. Such texts are ordered as the days are. */
  day(microseconds) {
    return dayOf(new Date(microseconds / 1000));
  }

  /** The heading for a day, which is a text as `day` returns it. */
  heading(day) {
    const now = new Date(this.now());
    if (day === dayOf(now)) return this.words.say("today");
    if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return this.words.say("yesterday");
    const date = new Date(`${day}T12:00:00`);
    return (date.getFullYear() === now.getFullYear() ? this.dayOfYear : this.dayAndYear).format(date);
  }

  clockTime(microseconds) {
    return this.clock.format(new Date(microseconds / 1000));
  }

  fullTime(microseconds) {
    return this.full.format(new Date(microseconds / 1000));
  }

  iso(microseconds) {
    return new Date(microseconds / 1000).toISOString();
  }
}

function dayOf(date) {
  const year = String(date.getFullYear()).padStart(4, "0");
  return `${year}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
}
