/* SPDX-License-Identifier: MIT */
/*
 * Model of a slab's ownership (lib/front/slab.h), for spin: one slab of OBJECTS objects, one thread
 * that allocates them all and FREERS threads that free them, each thread ending when it likes.
 *
 * A step is one access to what threads share; what only the owner touches is in the step before.
 * Checked over every interleaving: an object is freed once, only its owner touches a slab's own
 * list, a slab is on one dirty stack at most once, the note says who freed the last object of the
 * chain that its owner takes, the slab is given back when all objects are free and not before, and
 * when all threads have ended it has been given back.
 *
 * FAULT_... leave out a precaution each; the checks must find every one (model_test.c).
 */
#define OBJECTS 3
#define FREERS 3
#define ALLOCATOR 1               /* threads are numbered from 1; 0 is nobody */
#define THREADS (FREERS + 1)

/* The remote word. */
typedef remote_word {
	byte home;
	byte count;
	bool queued;
	bool detached;
	bool listed
};
remote_word remote;

byte tail = 0;                    /* who freed the last object of the chain */
byte noted_tail = 0;
byte owner = 0;
byte own_free = 0;                /* objects on the slab's own list */
bool is_on_list = false;          /* the shared list of its class */
bool is_dirty[THREADS + 1];       /* the slab is on this thread's stack */
bool is_given_back = false;
byte given = 0;                   /* objects handed out to be freed */
byte objects_freed = 0;
byte lock_holder = 0;
byte ended = 0;

#define TOUCH(t) assert(owner == t && !is_given_back)

/* All objects are at home: give the slab back. */
inline release_if_empty(t)
{
	if
	:: own_free == OBJECTS ->
		TOUCH(t);
		assert(remote.count == 0 && !remote.queued && !is_on_list);
		is_given_back = true;
		owner = 0
	:: else
	fi
}

/* Take home what others freed. */
inline drain(t)
{
	if
	:: is_dirty[t] ->
		atomic { is_dirty[t] = false };
#ifndef FAULT_NOTE_READ_LATE
		note = noted_tail;
#endif
		atomic {
			taken = remote.count;
			chain_tail = tail;
			remote.count = 0;
#ifndef FAULT_QUEUED_STAYS
			remote.queued = false;
#endif
			TOUCH(t);
			own_free = own_free + taken
		};
#ifdef FAULT_NOTE_READ_LATE
		note = noted_tail;
#endif
		atomic {
			assert(note == chain_tail);
			release_if_empty(t)
		}
	:: else
	fi
}

/* Thread t frees one object. */
inline free_object(t)
{
	done = false;
	do
	:: done -> break
	:: !done && owner == t ->
		d_step {
			TOUCH(t);
			own_free++;
			objects_freed++;
			done = true
		};
		atomic { release_if_empty(t) }
	:: !done && owner != t && remote.detached && remote.listed ->
		/* Listed: claimed under the lock. */
		atomic { lock_holder == 0 -> lock_holder = t };
		atomic {
			if
			:: remote.detached && remote.listed ->
				assert(is_on_list);
				is_on_list = false;
				remote.detached = false;
				remote.listed = false;
				remote.home = t;
				claimed = true
			:: else -> claimed = false
			fi
		};
		lock_holder = 0;
		if
		:: claimed -> owner = t
		:: else
		fi
	:: !done && owner != t && remote.detached && !remote.listed ->
#ifdef FAULT_CLAIM_UNCHECKED
		remote.detached = false;
		remote.home = t;
		owner = t;
		own_free = 0
#else
		atomic {
			if
			:: remote.detached && !remote.listed ->
				remote.detached = false;
				remote.home = t;
				claimed = true
			:: else -> claimed = false
			fi
		};
		if
		:: claimed -> owner = t
		:: else
		fi
#endif
	:: !done && owner != t && !remote.detached ->
#ifdef FAULT_HOME_BEFORE
		home = remote.home;
#endif
		atomic {
			if
			:: !remote.detached ->
				was_queued = remote.queued;
				if
				:: !was_queued -> tail = t
				:: else
				fi;
				remote.count++;
				remote.queued = true;
#ifndef FAULT_HOME_BEFORE
				home = remote.home;
#endif
				objects_freed++;
				done = true
			:: else
			fi
		};
		if
		:: done && !was_queued ->
#ifndef FAULT_NOTE_WRITTEN_LATE
			noted_tail = t;
#endif
			atomic { assert(!is_dirty[home]); is_dirty[home] = true };
#ifdef FAULT_NOTE_WRITTEN_LATE
			noted_tail = t
#endif
		:: else
		fi
	od
}

/* The last object is taken: detach the slab unless others free in it just now. */
inline detach(t)
{
	owner = 0;
	atomic {
		if
#ifdef FAULT_DETACH_QUEUED
		:: remote.home == t ->
#else
		:: remote.home == t && !remote.queued && remote.count == 0 ->
#endif
			remote.home = 0;
			remote.detached = true;
			left = true
		:: else -> left = false
		fi
	};
	if
	:: !left -> owner = t
	:: else
	fi
}

/* Thread t ends: it leaves the slab, if it is the owner, for others to claim. */
inline end_thread(t)
{
	do
	:: drain(t);
	   if
	   :: owner != t -> break
	   :: owner == t && own_free == 0 ->
		detach(t);
		if
		:: left -> break
		:: else -> is_dirty[t]      /* wait for who has set queued */
		fi
	   :: owner == t && own_free > 0 ->
#ifndef FAULT_LEAVE_UNLOCKED
		atomic { lock_holder == 0 -> lock_holder = t };
#endif
		owner = 0;
		atomic {
			if
			:: !remote.queued && remote.count == 0 ->
				remote.home = 0;
				remote.detached = true;
				remote.listed = true;
				left = true
			:: else -> left = false
			fi
		};
		if
		:: left -> is_on_list = true
		:: else -> owner = t
		fi;
#ifndef FAULT_LEAVE_UNLOCKED
		lock_holder = 0;
#endif
		if
		:: left -> break
		:: else -> is_dirty[t]
		fi
	   fi
	od;
	ended++
}

active proctype allocator()
{
	byte taken, note, chain_tail;
	bool left;
	owner = ALLOCATOR;
	remote.home = ALLOCATOR;
	/* Others may free an object as soon as it is handed out, before the last is taken. */
	do
	:: given < OBJECTS -> given++
	:: given == OBJECTS -> break
	od;
	detach(ALLOCATOR);
	do
	:: drain(ALLOCATOR)
	:: break
	od;
	end_thread(ALLOCATOR)
}

active [FREERS] proctype freer()
{
	byte self = _pid + 1;
	byte taken, home, note, chain_tail;
	bool done, claimed, left, was_queued;
	/* Each frees one object, in any order; the first when it is there. */
	given >= _pid;
	free_object(self);
	if
	:: drain(self)
	:: skip
	fi;
	end_thread(self);
	if
	:: ended == THREADS ->
		assert(objects_freed == OBJECTS && is_given_back)
	:: else
	fi
}
