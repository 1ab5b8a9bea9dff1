/**
 * How the ASR of a session came about: the lead as it becomes revenue, factor by factor.
 */

import { h } from "./elements.js";
import { money, ratio } from "./formats.js";

/** @import { Session } from "./list.js" */

/** @param {Session} session @param {string} currency */
export function drawLedger(session, currency) {
  const asr = money(session.asr, currency);
  const { asrFactors: factors } = session;
  if (!factors) return h("section", { class: "ledger" }, h("h3", {}, "ASR"), h("p", { class: "result" }, asr));
  const table = h(
    "table",
    { "aria-label": "Factors of the ASR" },
    h("tbody", {}, drawFactors(factors, currency)),
    h("tfoot", {}, row("=", "ASR", asr, "Rounded half-up to cents")),
  );
  const title = h("h3", {}, "How the ASR came about");
  return h("section", { class: "ledger" }, title, table, h("p", { class: "hint" }, explain(session, factors)));
}

/** @param {Record<string, any>} factors an AsrFactors @param {string} currency */
function drawFactors({ leadValue, opportunity, conversionRate, success, recognition, isTest }, currency) {
  const [opportunityLabel, successLabel] = [
    opportunity ? "Opportunity" : "No opportunity",
    success ? "Success" : "No success",
  ];
  return [
    row("", "Lead value", money(leadValue, currency), "What the lead would pay if it converted", !Number(leadValue)),
    row("×", opportunityLabel, String(Number(opportunity)), "1 if it is an opportunity", !opportunity),
    row("×", "Conversion", ratio(conversionRate), "The agent's conversion ratio when the session closed"),
    row("×", successLabel, String(Number(success)), "1 if the assessment that counts is Yes-A or Yes-B", !success),
    row("×", "Recognition", ratio(recognition), "The share that is credited to the agent"),
    isTest && row("×", "Test session", "0", "Test sessions never count in ASR", true),
  ];
}

/** @param {string} sign @param {string} label @param {string} value @param {string} about @param {boolean} isOff */
function row(sign, label, value, about, isOff = false) {
  return h(
    "tr",
    { class: isOff ? "off" : null, title: about },
    h("td", { "aria-hidden": "true" }, sign),
    h("th", { scope: "row" }, label),
    h("td", {}, value),
  );
}

/** Why the ASR is what it is. @param {Session} session @param {Record<string, any>} factors */
function explain(session, factors) {
  if (factors.isTest) return "A test session never counts.";
  if (!Number(factors.leadValue))
    return session.isLead ? "The lead has no value." : "It is no lead, so there is nothing to secure.";
  if (!factors.opportunity) return "The lead failed: refused, no availability, or no phone or e-mail was left.";
  if (!factors.success)
    return session.assessment
      ? "The agent did not do its job: assessed No."
      : "Nobody has assessed it, so it is no success.";
  return session.workingHours
    ? "In working hours the agent is credited with its recognition."
    : "Outside working hours the agent is credited in full.";
}
