/*
 * Changes of an item that is on the board: two workers write the versions of one order, and never an older one after
 * a newer one.
 *
 * In: FAULTS and VERSIONS, and macros that break the protocol or open a hole. Out: as journal.pml.
 * Leaves out what journal.pml shows: how an item is made, and found. The same words mean the same.
 *
 * A change says how the item is to be. To do it twice does no harm, but to do it late may: it is never sent again, and
 * nothing else is sent before monday can no longer be executing it. Versions arrive in any order. A version counts
 * from 1; what the item was made with is version 0.
 *
 * Parts of the protocol that can be left out:
 *   NO_JOURNAL    a run does not read which requests earlier runs have left open
 *   NO_SETTLE     a change in doubt is looked at at once, and closed
 *   NO_VERSIONS   a version that arrives after a newer one was written is written all the same
 *   NO_LEASE      a worker does not see that another one has taken the board
 * Holes:
 *   SUSPENDED     a worker sleeps right before a request leaves, or no clock of its shows that it has slept
 */

#ifndef FAULTS
#define FAULTS 3
#endif
#ifndef VERSIONS
#define VERSIONS 3
#endif
#define WORKERS 2
#define REQUESTS (VERSIONS + FAULTS)
#define NOBODY 0
#define NONE 0
#define READY 1
#define NEVER 2
#define UNUSED 0
#define OPENED 1
#define CLOSED 3

byte value;	/* what the board shows */
byte flying[REQUESTS];	/* copies of a request that monday has not executed */
byte reply[REQUESTS];

byte state[REQUESTS];	/* of its row in the journal */
byte says[REQUESTS];	/* the version that it writes */
byte written;	/* the newest version that the tables know to be on the board */
byte arrived;	/* versions in the queue, as a bit mask */
byte synced;	/* those of them that are SYNCED */
byte holder;	/* of the board's lease: a worker, from 1 */

byte faults;	/* that have happened */
byte ended;	/* workers that have nothing left to do */

#define bit_of(v) (1 << (v))
#define ALL (bit_of(VERSIONS + 1) - 2)
#define may_fail (faults < FAULTS)

mtype = { TAKE, LOSE, RELEASE, OPEN, SEND, ANSWER, SILENCE, SETTLE, LOOK, CLOSE, SYNC, CRASH };
mtype = { ARRIVES, WRITES, DROPS };
#define did(action, r, mask, a, b) printf("@ %e %d %d %d %d %d\n", action, me, r, mask, a, b)
#define happens(what, r, k, n) printf("- %e %d %d %d\n", what, r, k, n)

active [REQUESTS] proctype monday() {
end:	do
	:: atomic { flying[_pid] > 0 ->
		assert(says[_pid] >= value);	/* never an older version after a newer one */
		value = says[_pid]; flying[_pid]--; reply[_pid] = READY; happens(WRITES, _pid, 0, value)
	   }
	:: atomic { flying[_pid] > 0 && may_fail ->
		faults++; flying[_pid]--; reply[_pid] = NEVER; happens(DROPS, _pid, 0, 0)
	   }
	od
}

active proctype order_system() {
	byte v;
	do
	:: atomic { arrived != ALL ->
		v = 1;
		do
		:: v <= VERSIONS && !(arrived & bit_of(v)) -> arrived = arrived | bit_of(v); happens(ARRIVES, 0, 0, v); break
		:: v < VERSIONS && (arrived >> (v + 1)) != (ALL >> (v + 1)) -> v++
		:: v < VERSIONS && (arrived & bit_of(v)) -> v++
		od;
		v = 0
	   }
	:: arrived == ALL -> break
	od
}

#define or_dies	:: atomic { may_fail -> faults++; did(CRASH, 0, 0, 0, 0); goto dead }
#ifdef NO_LEASE
#define mine true
#else
#define mine (holder == me + 1)
#endif
#define loses	:: atomic { !mine -> did(LOSE, 0, 0, 0, 0); goto over }
#define waiting (arrived & ~synced)

proctype worker(byte me) {
	byte r, v;
	bit found, all_closed;

begins:
	atomic {
		all_closed = 1; r = 0;
		do
		:: r < REQUESTS -> all_closed = (state[r] == OPENED -> 0 : all_closed); r++
		:: else -> r = 0; break
		od;
		if
		:: all_closed && arrived == ALL && synced == ALL -> all_closed = 0; ended++; goto ends
		:: !all_closed || waiting -> all_closed = 0	/* else a sensor starts no run */
		fi
	}
	if
	:: atomic { holder == NOBODY -> holder = me + 1; did(TAKE, 0, 0, 0, 0) }
	:: atomic { holder == 2 - me && may_fail -> faults++; holder = me + 1; did(TAKE, 0, 0, 0, 0) }
	fi;

	atomic {	/* what earlier runs have left open */
		r = 0;
#ifndef NO_JOURNAL
		do
		:: r < REQUESTS && state[r] == OPENED -> goto doubts
		:: r < REQUESTS && state[r] != OPENED -> r++
		:: r == REQUESTS -> r = 0; break
		od
#endif
	}

	/* The newest version that waits is what the order is to be. */
	if
	:: atomic {
		v = VERSIONS;
		do
		:: v > 0 && !(waiting & bit_of(v)) -> v--
		:: else -> break
		od;
		if
#ifdef NO_VERSIONS
		:: v == 0 || v == written -> goto commits
#else
		:: v == 0 || v <= written -> goto commits	/* outdated: nothing is sent */
#endif
		:: else
		fi
	   }
	or_dies
	fi;
	if
	:: atomic { mine ->
		r = 0;
		do
		:: r < REQUESTS && state[r] != UNUSED -> r++
		:: else -> break
		od;
		assert(r < REQUESTS);	/* else REQUESTS is too small */
		state[r] = OPENED; says[r] = v; did(OPEN, r, 1, v, 0)
	   }
	loses
	or_dies
	fi;
	if
#ifdef SUSPENDED
	:: atomic { true ->
#else
	:: atomic { mine ->
#endif
		flying[r]++; reply[r] = NONE; did(SEND, r, 1, v, 0)
	   }
#ifndef SUSPENDED
	loses
#endif
	or_dies
	fi;
	if
	:: atomic { reply[r] == READY -> found = 1; did(ANSWER, r, 0, says[r], 0); goto closes }
	:: atomic { reply[r] == NEVER || may_fail ->
		faults = faults + (reply[r] == NEVER -> 0 : 1); did(SILENCE, r, 1, 0, 0); goto doubts
	   }
	or_dies
	fi;

doubts:	/* late, it would undo something newer */
#ifndef NO_SETTLE
	if
	:: atomic { flying[r] == 0 -> did(SETTLE, r, 1, 0, 0) }
	or_dies
	fi;
#endif
	if
	:: atomic { found = (value == says[r]); did(LOOK, r, 1, (found -> says[r] : 0), 0) }
	or_dies
	fi;
closes:	/* what the board does not show is decided afresh */
	if
	:: atomic { mine ->
		written = (found && says[r] > written -> says[r] : written);
		state[r] = CLOSED; did(CLOSE, r, 1, (found -> says[r] : 0), 0); found = 0; r = 0
	   }
	loses
	or_dies
	fi;

commits:	/* a version is SYNCED once it, or a newer one, is on the board */
	if
	:: atomic {
		v = 1;
		do
		:: v <= VERSIONS && (waiting & bit_of(v)) && v <= written ->
			assert(value >= v);
			synced = synced | bit_of(v); did(SYNC, 0, 1, written, 0); v++
		:: v <= VERSIONS && !((waiting & bit_of(v)) && v <= written) -> v++
		:: v > VERSIONS -> break
		od
	   }
	or_dies
	fi;
over:	atomic {
		if
		:: holder == me + 1 -> did(RELEASE, 0, 0, 0, 0)
		:: else
		fi
	}
dead:	atomic {
		holder = (holder == me + 1 -> NOBODY : holder);
		r = 0; v = 0; found = 0;
		goto begins
	}
ends:	skip
}

init {
	byte r;
	atomic { run worker(0); run worker(1) }
	ended == WORKERS;
	do
	:: atomic { r < REQUESTS && flying[r] == 0 -> r++ }	/* monday finishes what it has */
	:: atomic { r == REQUESTS -> break }
	od;
	assert(value == VERSIONS)
}
