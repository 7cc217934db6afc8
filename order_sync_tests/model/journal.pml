/*
 * The journal protocol: two workers create the items of two orders on one board, each once in effect.
 *
 * In: FAULTS, the number of things that may go wrong in one history, and macros that break the protocol or open one of
 * its admitted holes. Out: by Spin's exhaustive search no violation, or a history that ends in one.
 * Leaves out what no order depends on: values, sizes of batches, limits, claims of rows, jobs and Dagster.
 *
 * A worker does one run after the other. A step of it is one COMMIT, one request or one look; before each it may die,
 * or be overtaken by the other one, which takes the board. monday executes a request when it likes, item by item, and
 * may forget an answer; its search shows an item when it likes. Time is no number: a worker that waits goes on once
 * nothing of the request is on its way any more, which is what the wait is long enough for.
 *
 * Parts of the protocol that can be left out:
 *   NO_JOURNAL         a run does not read which requests earlier runs have left open
 *   LATE_JOURNAL       a request leaves before its row is committed
 *   NO_LOOK            a request in doubt is sent again without a look at the board
 *   ONE_LOOK           the first look decides, nothing is waited for
 *   EARLY_REST         keys that a first look does not find beside others get a new request at once
 *   EARLY_CLOSE        a row is closed by one transaction, and its ids are written by the next
 *   NO_LEASE           a worker does not see that another one has taken the board
 *   NO_WATCH           a request that was in doubt is closed, and forgotten
 *   UNWATCHED_REFUSAL  the same where an answer refuses it after an earlier sending was in doubt
 * Holes:
 *   SUSPENDED          a worker sleeps right before a request leaves, or no clock of its shows that it has slept
 *   TWO_DATABASES      each worker has a database of its own
 *   ADDED              a person adds an order without its key
 *   EMPTIED            a person deletes the text in the key column of an item that is in no table yet
 *   TOUCHED            a person works on a twin before it is archived
 *   NEVER_SHOWN        monday's search is later than the hour in which requests are watched
 *
 * PUNCTUAL: monday's search is never later than a worker waits. Then no key has two items, not even for a moment.
 * Without it a second one may be made, but is archived: there is at most one once everything is healed.
 */

#ifndef FAULTS
#define FAULTS 3
#endif
#define KEYS 2
#define WORKERS 2
#define NOBODY 0

#ifdef TWO_DATABASES
#define DATABASES 2
#define DB me
#else
#define DATABASES 1
#define DB 0
#endif
#if defined(ADDED) || defined(EMPTIED)
#define MORE 1	/* item that takes no fault */
#else
#define MORE 0
#endif
#define REQUESTS (DATABASES * (FAULTS + 1))	/* each one after the first takes a fault */
#define ROWS (DATABASES * (FAULTS + 1) + MORE)	/* so does each item of a key after its first */

/* ---- monday -------------------------------------------------------------------------------------------------- */

#define ABSENT 0
#define HIDDEN 1	/* made; the search does not show it yet */
#define SHOWN 2
#define KEYLESS 3	/* no search finds it by its key */
#define REMOVED 4	/* by a person */
#define ARCHIVED 5	/* as a twin */
byte row[KEYS * ROWS];	/* the items of each key, the oldest first */
bit touched[KEYS * ROWS];	/* by a person */

#define NONE 0
#define READY 1
#define NEVER 2
byte flying[REQUESTS];	/* copies of a request that monday has not finished */
byte todo[REQUESTS];	/* keys that the copy at which it is has still to make */
bit memory[REQUESTS];	/* the answer is kept for the idempotency key */
byte reply[REQUESTS];	/* to the copy that was sent last */
byte made[REQUESTS * KEYS];	/* in the answer: position of the item, from 1 */
byte unsaid[REQUESTS];	/* keys of which the answer says nothing */
bit refused[REQUESTS];	/* the answer says that nothing took effect */

/* ---- the tables ---------------------------------------------------------------------------------------------- */

#define UNUSED 0
#define OPENED 1
#define WATCHED 2
#define CLOSED 3
byte state[REQUESTS];	/* of its row in the journal */
byte keys[REQUESTS];	/* a set of keys is a bit mask */
byte owner[REQUESTS];	/* its database */
byte id[DATABASES * KEYS];	/* position of the item, from 1 */
bit synced[DATABASES * KEYS];
byte holder[DATABASES];	/* of the board's lease: a worker, from 1 */

byte faults;	/* that have happened */
byte ended;	/* workers that have nothing left to do */

#define has(mask, k) (((mask) >> (k)) & 1)
#define live(s) ((s) == HIDDEN || (s) == SHOWN || (s) == KEYLESS)
#define may_fail (faults < FAULTS)

/* For the story. `did` is a worker's action, and an event of the same name in a trace of the product. */
mtype = { TAKE, LOSE, RELEASE, OPEN, AGAIN, SEND, ANSWER, SILENCE, SETTLE, LOOK, CLOSE, WATCH, HEAL, LIST, KEEP, FORGET,
	SYNC, CRASH };
mtype = { MAKES, REPLAYS, FORGETS, REFUSES, REFUSES_ALL, MUMBLES, DROPS, DELETES, ADDS, EMPTIES, TOUCHES, ARCHIVES };
#define did(action, r, mask, a, b) printf("@ %e %d %d %d %d %d\n", action, me, r, mask, a, b)
#define happens(what, r, k, n) printf("- %e %d %d %d\n", what, r, k, n)

/* The loops of all inlines run over j. */
inline count_live(k, n) {
	n = 0; j = 0;
	do
	:: j < ROWS -> n = n + (live(row[(k) * ROWS + j]) -> 1 : 0); j++
	:: else -> j = 0; break
	od
}

/* The oldest item of a key that the search shows: its position from 1, or 0. */
inline oldest_shown(k, n) {
	n = 0; j = 0;
	do
	:: j < ROWS && row[(k) * ROWS + j] != SHOWN -> j++
	:: j < ROWS && row[(k) * ROWS + j] == SHOWN -> n = j + 1; j = 0; break
	:: j == ROWS -> j = 0; break
	od
}

/* Some of what is hidden shows by now; or all of it. */
inline time_passes(k, all) {
	j = 0;
	do
	:: j < ROWS && row[(k) * ROWS + j] == HIDDEN -> row[(k) * ROWS + j] = SHOWN; j++
	:: j < ROWS && (row[(k) * ROWS + j] != HIDDEN || !(all)) -> j++
	:: j == ROWS -> j = 0; break
	od
}

inline new_row(k, n, as) {
	n = 0;
	do
	:: n < ROWS && row[(k) * ROWS + n] != ABSENT -> n++
	:: else -> break
	od;
	assert(n < ROWS);	/* else ROWS is too small */
	row[(k) * ROWS + n] = as;
	n++
}

/* One for each idempotency key: executes what is on its way, item by item, as often as it came. */
active [REQUESTS] proctype monday() {
	byte k, n, j;
#define me_r _pid
end:	do
	:: atomic { flying[me_r] > 0 && todo[me_r] == 0 && memory[me_r] ->
		flying[me_r]--; reply[me_r] = READY; happens(REPLAYS, me_r, 0, 0)
	   }
	:: atomic { flying[me_r] > 0 && (todo[me_r] != 0 || !memory[me_r] || may_fail) ->
		if
		:: todo[me_r] == 0 ->
			if
			:: memory[me_r] -> faults++; memory[me_r] = 0; happens(FORGETS, me_r, 0, 0)
			:: else
			fi;
			todo[me_r] = keys[me_r]; made[me_r * KEYS] = 0; made[me_r * KEYS + 1] = 0;
			unsaid[me_r] = 0; refused[me_r] = 0
		:: else
		fi;
		k = (has(todo[me_r], 0) -> 0 : 1);
		if
		:: true -> goto makes
		:: may_fail -> faults++; happens(REFUSES, me_r, k, 0)
		:: may_fail -> faults++; unsaid[me_r] = unsaid[me_r] | (1 << k); happens(MUMBLES, me_r, k, 0); goto makes
		:: may_fail && todo[me_r] == keys[me_r] -> faults++; refused[me_r] = 1; todo[me_r] = 1 << k;
			happens(REFUSES_ALL, me_r, 0, 0)
		:: may_fail -> faults++; flying[me_r]--; todo[me_r] = 0; reply[me_r] = NEVER;
			happens(DROPS, me_r, 0, 0); goto done
		fi;
		goto next_key;
makes:
#ifdef PUNCTUAL
		count_live(k, n);
		assert(n == 0);		/* never two, not even for a moment */
#endif
		new_row(k, n, HIDDEN);
		happens(MAKES, me_r, k, n);
		if
		:: !has(unsaid[me_r], k) -> made[me_r * KEYS + k] = n
		:: else
		fi;
next_key:	todo[me_r] = todo[me_r] & ~(1 << k);
		if
		:: todo[me_r] == 0 -> flying[me_r]--; reply[me_r] = READY; memory[me_r] = 1
		:: else
		fi;
done:		k = 0; n = 0
	   }
	od
}

/* ---- people -------------------------------------------------------------------------------------------------- */

active proctype person() {
	byte i, n;
	bit may_add = 1;
end:	do
	:: atomic { may_fail ->
		i = 0;
		do
		:: i < KEYS * ROWS && live(row[i]) -> faults++; row[i] = REMOVED;
			happens(DELETES, 0, i / ROWS, i % ROWS + 1); break
		:: i < KEYS * ROWS -> i++
		:: i == KEYS * ROWS -> break
		od;
		i = 0
	   }
#ifdef ADDED
	:: atomic { may_add -> may_add = 0; new_row(0, n, KEYLESS); happens(ADDS, 0, 0, n); n = 0 }
#endif
#ifdef EMPTIED
	:: atomic { may_add ->
		if
		:: row[0] == SHOWN -> may_add = 0; row[0] = KEYLESS; happens(EMPTIES, 0, 0, 1)
		:: else
		fi
	   }
#endif
#ifdef TOUCHED
	:: atomic { may_add ->
		i = 0;
		do
		:: i < ROWS && live(row[i]) && !touched[i] -> may_add = 0; touched[i] = 1; happens(TOUCHES, 0, 0, i + 1);
			break
		:: i < ROWS -> i++
		:: i == ROWS -> break
		od;
		i = 0
	   }
#endif
	od
}

/* ---- workers ------------------------------------------------------------------------------------------------- */

#define or_dies	:: atomic { may_fail -> faults++; did(CRASH, 0, 0, 0, 0); goto dead }
#ifdef NO_LEASE
#define mine true
#else
#define mine (holder[DB] == me + 1)
#endif
#define loses	:: atomic { !mine -> did(LOSE, 0, 0, 0, 0); goto over }
#define is_done(r) (owner[r] != DB || state[r] == UNUSED || state[r] == CLOSED)

/* monday can no longer be executing it, and unless its search is late, shows what it has made. */
#define settled(r) (flying[r] == 0)

#define FOUND ((got[0] -> 1 : 0) | (got[1] -> 2 : 0))

/* What the board shows of a request, beside what its answer named. */
inline look(r) {
	k = 0;
	do
	:: k < KEYS && has(keys[r], k) && got[k] == 0 ->
		time_passes(k, false); oldest_shown(k, got[k]); k++
	:: k < KEYS && !(has(keys[r], k) && got[k] == 0) -> k++
	:: k == KEYS -> k = 0; break
	od;
#ifdef NO_LOOK
	got[0] = 0; got[1] = 0;
#endif
	did(LOOK, r, keys[r], got[0], got[1])
}

inline wait_for(r) {
#ifdef PUNCTUAL
	k = 0;
	do
	:: k < KEYS && has(keys[r], k) -> time_passes(k, true); k++
	:: k < KEYS && !has(keys[r], k) -> k++
	:: k == KEYS -> k = 0; break
	od;
#endif
	did(SETTLE, r, keys[r], 0, 0)
}

/* Archives the twins of a key: what is in the tables stays, else the oldest. */
inline heal(k) {
	oldest_shown(k, n);
	if
	:: id[DB * KEYS + k] != 0 && live(row[k * ROWS + id[DB * KEYS + k] - 1]) -> n = id[DB * KEYS + k]
	:: else
	fi;
	j = 0;
	do
	:: j < ROWS && row[k * ROWS + j] == SHOWN && j + 1 != n && !touched[k * ROWS + j] ->
		row[k * ROWS + j] = ARCHIVED; happens(ARCHIVES, 0, k, j + 1); j++
	:: j < ROWS && !(row[k * ROWS + j] == SHOWN && j + 1 != n && !touched[k * ROWS + j]) -> j++
	:: j == ROWS -> j = 0; break
	od;
	n = 0
}

proctype worker(byte me) {
	byte r, k, n, j, need;
	byte got[KEYS];	/* of the request in hand: positions of its items, answered or found */
	bit doubt;	/* it was in doubt */
	bit taken_up;	/* an earlier run opened it */
	bit due;

begins:	/* a run, if there is anything to do */
	atomic {
		need = 0; r = 0;
		do
		:: r < REQUESTS && !is_done(r) -> need = 1; r = 0; break
		:: r < REQUESTS && is_done(r) -> r++
		:: r == REQUESTS -> r = 0; break
		od;
		if
		:: need == 0 && synced[DB * KEYS] && synced[DB * KEYS + 1] -> ended++; goto ends
		:: else -> need = 0
		fi
	}
	if
	:: atomic { holder[DB] == NOBODY -> holder[DB] = me + 1; did(TAKE, 0, 0, 0, 0) }
	/* The other one has slept past its lease, or a clock has jumped. */
	:: atomic { holder[DB] == 2 - me && may_fail -> faults++; holder[DB] = me + 1; did(TAKE, 0, 0, 0, 0) }
	fi;

	/* Twins of what was created in doubt. The watch ends once everything must have shown. */
	if
	:: atomic { mine ->
		due = 0; need = 0; n = 1; r = 0;
		do
		:: r < REQUESTS && state[r] == WATCHED && owner[r] == DB ->
			need = need | keys[r]; n = (flying[r] == 0 -> n : 0); r++
		:: r < REQUESTS && !(state[r] == WATCHED && owner[r] == DB) -> r++
		:: r == REQUESTS -> r = 0; break
		od;
		if
		:: need == 0 -> n = 0; goto recovers
		:: need != 0 && n == 1 -> due = 1
		:: need != 0
		fi;
		n = 0; k = 0;
		do
		:: k < KEYS && has(need, k) ->
#ifdef NEVER_SHOWN
			time_passes(k, false);
#else
			time_passes(k, due);
#endif
			heal(k); k++
		:: k < KEYS && !has(need, k) -> k++
		:: k == KEYS -> k = 0; break
		od;
		did(HEAL, 0, need, 0, 0); need = 0
	   }
	loses
	or_dies
	fi;
	if
	:: atomic { !due -> skip }
	:: atomic { due && mine ->
		r = 0;
		do
		:: r < REQUESTS && state[r] == WATCHED && owner[r] == DB -> state[r] = CLOSED; did(LIST, r, keys[r], 0, 0); r++
		:: r < REQUESTS && !(state[r] == WATCHED && owner[r] == DB) -> r++
		:: r == REQUESTS -> r = 0; break
		od;
		due = 0
	   }
	loses
	fi;

recovers:	/* what earlier runs have left open */
	atomic {
		due = 0; need = 0; r = 0;
#ifndef NO_JOURNAL
		do
		:: r < REQUESTS && state[r] == OPENED && owner[r] == DB ->
			doubt = 1; taken_up = 1; goto doubts
		:: r < REQUESTS && !(state[r] == OPENED && owner[r] == DB) -> r++
		:: r == REQUESTS -> r = 0; break
		od;
#endif
		taken_up = 0
	}

	/* What was deleted is to be made again; what is on the board already is adopted. */
	if
	:: atomic { mine ->
		k = 0;
		do
		:: k < KEYS ->
			if
			:: id[DB * KEYS + k] != 0 && !synced[DB * KEYS + k] && !live(row[k * ROWS + id[DB * KEYS + k] - 1]) ->
				id[DB * KEYS + k] = 0; did(FORGET, 0, 1 << k, 0, 0)
			:: else
			fi;
			if
			:: id[DB * KEYS + k] == 0 ->
				time_passes(k, false); oldest_shown(k, n);
				if
				:: n != 0 -> id[DB * KEYS + k] = n; did(KEEP, 0, 1 << k, n, n)
				:: else
				fi;
				n = 0
			:: else
			fi;
			k++
		:: k == KEYS -> k = 0; break
		od
	   }
	loses
	or_dies
	fi;

opens:	/* one request for all keys without an id */
	if
	:: atomic { id[DB * KEYS] != 0 && id[DB * KEYS + 1] != 0 -> goto commits }
	:: atomic { mine && (id[DB * KEYS] == 0 || id[DB * KEYS + 1] == 0) ->
		r = 0;
		do
		:: r < REQUESTS && state[r] != UNUSED -> r++
		:: else -> break
		od;
		assert(r < REQUESTS);	/* else REQUESTS is too small */
		keys[r] = (id[DB * KEYS] == 0 -> 1 : 0) | (id[DB * KEYS + 1] == 0 -> 2 : 0);
		owner[r] = DB;
#ifdef LATE_JOURNAL
		state[r] = CLOSED;	/* not on record */
#else
		state[r] = OPENED;
		did(OPEN, r, keys[r], 0, 0)
#endif
	   }
	loses
	or_dies
	fi;

sends:
	if
#ifdef SUSPENDED
	:: atomic { true ->
#else
	:: atomic { mine ->
#endif
		flying[r]++; reply[r] = NONE; did(SEND, r, keys[r], 0, 0)
	   }
#ifndef SUSPENDED
	loses
#endif
	or_dies
	fi;
#ifdef LATE_JOURNAL
	if
	:: atomic { state[r] = OPENED; did(OPEN, r, keys[r], 0, 0) }
	or_dies
	fi;
#endif
	if
	:: atomic { reply[r] == READY ->
		got[0] = made[r * KEYS]; got[1] = made[r * KEYS + 1]; n = unsaid[r];
		did(ANSWER, r, n, got[0], got[1])
	   }
	:: atomic { reply[r] == NEVER || may_fail ->
		faults = faults + (reply[r] == NEVER -> 0 : 1);
		doubt = 1; n = 0; did(SILENCE, r, keys[r], 0, 0); goto doubts
	   }
	or_dies
	fi;
	if
	:: atomic { n != 0 -> n = 0; doubt = 1 }
	:: atomic { n == 0 ->
#ifdef UNWATCHED_REFUSAL
		doubt = (refused[r] && !taken_up -> 0 : doubt);
#endif
		goto closes
	   }
	fi;
	/* An answer that leaves some of them open: monday is not at it any more, but its search may be late. */
	if
	:: atomic { look(r) }
	or_dies
	fi;
	if
	:: atomic { settled(r) -> wait_for(r) }
	or_dies
	fi;
	if
	:: atomic { look(r); goto closes }
	or_dies
	fi;

doubts:	/* it may have taken effect, and may still do so */
	if
	:: atomic { got[0] = 0; got[1] = 0; look(r) }
	or_dies
	fi;
	if
	:: atomic { FOUND == keys[r] -> goto closes }
#ifdef EARLY_REST
	:: atomic { FOUND != 0 -> goto closes }
#endif
	:: atomic { FOUND != keys[r] -> skip }
	fi;
#if !defined(ONE_LOOK) && !defined(NO_LOOK)
	if
	:: atomic { settled(r) -> wait_for(r) }
	or_dies
	fi;
	if
	:: atomic { got[0] = 0; got[1] = 0; look(r) }
	or_dies
	fi;
#endif
	if
	:: atomic { FOUND != 0 -> goto closes }	/* a part is all that there will ever be */
	:: atomic { FOUND == 0 && mine -> did(AGAIN, r, keys[r], 0, 0); goto sends }
	loses
	or_dies
	fi;

closes:
	if
	:: atomic { mine ->
#ifdef NO_WATCH
		doubt = 0;
#endif
#ifndef EARLY_CLOSE
		id[DB * KEYS] = (id[DB * KEYS] == 0 -> got[0] : id[DB * KEYS]);
		id[DB * KEYS + 1] = (id[DB * KEYS + 1] == 0 -> got[1] : id[DB * KEYS + 1]);
#endif
		if
		:: doubt -> state[r] = WATCHED; did(WATCH, r, keys[r], id[DB * KEYS], id[DB * KEYS + 1])
		:: else -> state[r] = CLOSED; did(CLOSE, r, keys[r], id[DB * KEYS], id[DB * KEYS + 1])
		fi
	   }
	loses
	or_dies
	fi;
#ifdef EARLY_CLOSE
	if
	:: atomic { true ->
		id[DB * KEYS] = (id[DB * KEYS] == 0 -> got[0] : id[DB * KEYS]);
		id[DB * KEYS + 1] = (id[DB * KEYS + 1] == 0 -> got[1] : id[DB * KEYS + 1])
	   }
	or_dies
	fi;
#endif
	atomic {
		got[0] = 0; got[1] = 0; doubt = 0; r = 0;
		if
		:: taken_up -> goto recovers
		:: else -> goto opens
		fi
	}

commits:
	if
	:: atomic {
		k = 0;
		do
		:: k < KEYS && id[DB * KEYS + k] != 0 && !synced[DB * KEYS + k] ->
			synced[DB * KEYS + k] = 1;
			did(SYNC, 0, 1 << k, id[DB * KEYS + k], id[DB * KEYS + k]);
			/* SYNCED means that the item is there, or that a person has removed it. */
			n = row[k * ROWS + id[DB * KEYS + k] - 1];
			assert(live(n) || n == REMOVED);
			n = 0; k++
		:: k < KEYS && !(id[DB * KEYS + k] != 0 && !synced[DB * KEYS + k]) -> k++
		:: k == KEYS -> k = 0; break
		od
	   }
	or_dies
	fi;

over:	atomic {
		if
		:: holder[DB] == me + 1 -> did(RELEASE, 0, 0, 0, 0)
		:: else
		fi
	}
dead:	atomic {
		holder[DB] = (holder[DB] == me + 1 -> NOBODY : holder[DB]);
		r = 0; k = 0; n = 0; j = 0; need = 0; got[0] = 0; got[1] = 0; doubt = 0; taken_up = 0; due = 0;
		goto begins
	}
ends:	skip
}

/* ---- the verdict --------------------------------------------------------------------------------------------- */

init {
	byte n, j, r;
	atomic { run worker(0); run worker(1) }
	atomic { ended == WORKERS ->
		r = 0
	}
	do
	:: atomic { r < REQUESTS && flying[r] == 0 -> r++ }	/* monday finishes what it has */
	:: atomic { r == REQUESTS -> break }
	od;
	/* Once everything is healed, a key has one item, unless a person removed it. */
	atomic {
		count_live(0, n);
		assert(n <= 1);
		count_live(1, n);
		assert(n <= 1)
	}
}
