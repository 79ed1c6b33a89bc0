// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Keys} from "./Keys.sol";
import {Leaves} from "./Leaves.sol";
import {Batch, Params, Source} from "../Types.sol";

/// @title Split: how one batch's amount becomes rewards, in integers, to the last wei.
/// @notice Every division rounds down; the treasury takes what is left, so the parts always add up to the amount.
library Split {
    uint256 internal constant ONE = 10_000;

    /// @dev All that decides the split of a batch: the rules at its time, the model's immutable record, who posts the root.
    struct Facts {
        Params rules;
        Source[] sources;
        uint32 model;
        uint32 base; // 0 when the model is itself a base
        uint32 host;
        uint32 poster; // contributor id, 0 for none
        uint256 amount;
    }

    /// @dev The parts that weights cannot change, and what is left to weigh.
    struct Parts {
        uint256 owner;
        uint256 base;
        uint256 host;
        uint256 modelPool;
        uint256 hostPool;
        uint256 auditors;
        uint256 poster;
        uint256 pool; // the contributors' part
        uint256 weighted; // the part of the pool that goes by weights
        uint256 ceiling; // the most of it for one contributor
        uint256 total; // sum of all weights
    }

    function parts(Facts memory f, bytes calldata leaves) internal pure returns (Parts memory p) {
        Params memory r = f.rules;
        p.owner = f.amount * r.owner / ONE;
        p.base = f.amount * r.base / ONE;
        p.host = f.amount * r.host / ONE;
        p.pool = f.amount * r.contributors / ONE;
        // Stakers: a third each to the model's pool, the host's and the auditors.
        uint256 stakers = f.amount * r.stakers / ONE;
        p.auditors = stakers / 3;
        p.hostPool = stakers / 3;
        p.modelPool = stakers - 2 * (stakers / 3);
        if (f.host == 0) {
            // Who serves himself needs no host: its share is the contributors', its pool's part the model pool's.
            (p.pool, p.host) = (p.pool + p.host, 0);
            (p.modelPool, p.hostPool) = (p.modelPool + p.hostPool, 0);
        }
        if (f.base == 0) (p.owner, p.base) = (p.owner + p.base, 0);
        if (f.poster != 0) p.poster = f.amount * r.poster / ONE;
        if (leaves.length != 0) {
            (, p.total) = Leaves.measure(leaves);
            if (p.total != 0) {
                p.weighted = p.pool * (ONE - r.staticShare) / ONE;
                p.ceiling = p.weighted * r.cap / ONE;
            }
        }
    }

    /// @dev What goes by static units: the whole pool less what weights took, so also the unattributed and the capped part.
    function staticPart(Parts memory p, bytes calldata leaves) internal pure returns (uint256) {
        return p.weighted == 0 ? p.pool : p.pool - Leaves.paid(leaves, p.weighted, p.ceiling, p.total);
    }

    /// @notice What `key` earns by this batch.
    function earned(uint32 key, Facts memory f, bytes calldata leaves) internal pure returns (uint256 amount) {
        Parts memory p = parts(f, leaves);
        uint32 kind = Keys.kind(key);
        uint32 id = Keys.id(key);
        if (kind == Keys.PERSON) {
            if (id == 0) return 0;
            if (id == f.host) amount += p.host;
            if (id == f.poster) amount += p.poster;
            if (p.weighted != 0) amount += _weighted(p, Leaves.weightAt(leaves, uint256(id) + 1));
        } else if (kind == Keys.MODEL) {
            if (id == f.model) amount = p.owner + (f.sources.length == 0 ? staticPart(p, leaves) : 0);
            else if (id == f.base) amount = p.base;
        } else if (kind == Keys.DATANET) {
            for (uint256 i; i < f.sources.length; ++i) {
                if (f.sources[i].datanet == id) return staticPart(p, leaves) * f.sources[i].share / ONE;
            }
        } else if (kind == Keys.MODEL_POOL) {
            if (id == f.model) amount = p.modelPool;
        } else if (kind == Keys.HOST_POOL) {
            if (id == f.host) amount = p.hostPool;
        } else if (key == Keys.AUDITORS) {
            amount = p.auditors;
        } else if (key == Keys.TREASURY) {
            uint256 fixedPart = staticPart(p, leaves);
            uint256 given = p.owner + p.base + p.host + p.modelPool + p.hostPool + p.auditors + p.poster + p.pool - fixedPart;
            if (f.sources.length == 0) given += fixedPart;
            for (uint256 i; i < f.sources.length; ++i) given += fixedPart * f.sources[i].share / ONE;
            amount = f.amount - given;
        }
    }

    /// @dev A growing list of rewards, ascending in key.
    struct Rewards {
        uint32[] keys;
        uint256[] wei_;
        uint256 n;
    }

    /// @notice All rewards of the batch in ascending order of key; zero rewards may appear, no key appears twice.
    function all(Facts memory f, bytes calldata leaves) internal pure returns (uint32[] memory, uint256[] memory) {
        Parts memory p = parts(f, leaves);
        uint256 room = leaves.length / Leaves.STEP + f.sources.length + 8;
        Rewards memory list = Rewards(new uint32[](room), new uint256[](room), 0);
        _others(list, f, p, _people(list, f, p, leaves));
        uint256 left = f.amount;
        for (uint256 i; i < list.n; ++i) left -= list.wei_[i];
        _push(list, Keys.TREASURY, left);
        (uint32[] memory keys, uint256[] memory rewards, uint256 n) = (list.keys, list.wei_, list.n);
        assembly ("memory-safe") {
            mstore(keys, n)
            mstore(rewards, n)
        }
        return (keys, rewards);
    }

    /// @dev Lists the people; returns what of the pool is left for static units.
    function _people(Rewards memory list, Facts memory f, Parts memory p, bytes calldata leaves)
        private
        pure
        returns (uint256 fixedPart)
    {
        (uint256[] memory positions, uint256[] memory weights) = Leaves.list(leaves);
        fixedPart = p.pool;
        // The host and the poster are people too: they enter the ascending walk over the leaves at their place.
        uint256[2] memory extras = _extras(f);
        for (uint256 i; i <= positions.length; ++i) {
            uint256 id = i == positions.length ? type(uint256).max : positions[i] - 1;
            while (extras[0] != 0 && extras[0] <= id) {
                if (extras[0] < id) _person(list, f, p, extras[0], 0);
                (extras[0], extras[1]) = (extras[1] == extras[0] ? 0 : extras[1], 0);
            }
            if (id == 0 || i == positions.length) continue;
            uint256 weighted = p.weighted == 0 ? 0 : _weighted(p, weights[i]);
            fixedPart -= weighted;
            _person(list, f, p, id, weighted);
        }
    }

    /// @dev The host and the poster, the lower id first, 0 last for none.
    function _extras(Facts memory f) private pure returns (uint256[2] memory) {
        if (f.host == 0) return [uint256(f.poster), 0];
        if (f.poster == 0 || f.host < f.poster) return [uint256(f.host), f.poster];
        return [uint256(f.poster), f.host];
    }

    function _weighted(Parts memory p, uint256 weight) private pure returns (uint256 share) {
        share = p.weighted * weight / p.total;
        if (share > p.ceiling) share = p.ceiling;
    }

    function _push(Rewards memory list, uint32 key, uint256 amount) private pure {
        (list.keys[list.n], list.wei_[list.n]) = (key, amount);
        ++list.n;
    }

    function _person(Rewards memory list, Facts memory f, Parts memory p, uint256 id, uint256 amount) private pure {
        if (id == f.host) amount += p.host;
        if (id == f.poster) amount += p.poster;
        // Ids come out of leaves, the host or the poster, all below 2^29.
        // forge-lint: disable-next-line(unsafe-typecast)
        _push(list, uint32(id), amount);
    }

    function _others(Rewards memory list, Facts memory f, Parts memory p, uint256 fixedPart) private pure {
        // A base is registered before the models over it, so its id is the smaller one.
        if (f.base != 0) _push(list, Keys.MODEL | f.base, p.base);
        _push(list, Keys.MODEL | f.model, p.owner + (f.sources.length == 0 ? fixedPart : 0));
        for (uint256 i; i < f.sources.length; ++i) {
            _push(list, Keys.DATANET | f.sources[i].datanet, fixedPart * f.sources[i].share / ONE);
        }
        _push(list, Keys.MODEL_POOL | f.model, p.modelPool);
        if (f.host != 0) _push(list, Keys.HOST_POOL | f.host, p.hostPool);
        _push(list, Keys.AUDITORS, p.auditors);
    }
}
