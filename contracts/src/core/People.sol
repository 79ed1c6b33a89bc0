// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {Keys} from "../libraries/Keys.sol";

/// @title People: contributors, hosts, owners and posters, each a uint32 id that fits into a leaf.
abstract contract People {
    /// @dev Counters and the rules in force, in one slot, because settling reads them all.
    struct Head {
        uint40 batches;
        uint40 checkpoints;
        uint40 finalised;
        uint32 people;
        uint32 models;
        uint16 rules;
        uint16 penalty;
    }

    /// @dev Who is paid and what was paid, in one slot: a first claim then writes no new one. 2^96 wei are 79 times all OPEN there is.
    struct Person {
        address owner;
        uint96 claimed;
    }

    Head internal _head;

    mapping(uint32 id => Person) internal _persons;
    mapping(uint32 id => address) public offeredTo;
    /// @notice Whether `delegate` may sign contributions and receipts in the name of `id`. It never receives the money.
    mapping(uint32 id => mapping(address delegate => bool)) public isDelegate;

    function people() external view returns (uint32) {
        return _head.people;
    }

    function personOwner(uint32 id) public view returns (address) {
        return _persons[id].owner;
    }

    /// @notice Gives `owner` a new contributor id, from 1 on. An address may hold several.
    function register(address owner) external returns (uint32 id) {
        if (owner == address(0)) revert Errors.ZeroAddress();
        id = ++_head.people;
        if (id > Keys.ID_MASK) revert Errors.OutOfBounds("people");
        _persons[id].owner = owner;
        emit Events.ContributorRegistered(id, owner);
    }

    /// @notice First half of a change of address; the other half proves that somebody holds the new one.
    function offer(uint32 id, address to) external {
        if (personOwner(id) != msg.sender) revert Errors.NotAllowed();
        offeredTo[id] = to;
        emit Events.ContributorOffered(id, to);
    }

    function accept(uint32 id) external {
        if (offeredTo[id] != msg.sender) revert Errors.NotAllowed();
        delete offeredTo[id];
        _persons[id].owner = msg.sender;
        emit Events.ContributorMoved(id, msg.sender);
    }

    function delegate(uint32 id, address to, bool allowed) external {
        if (personOwner(id) != msg.sender) revert Errors.NotAllowed();
        isDelegate[id][to] = allowed;
        emit Events.ContributorDelegated(id, to, allowed);
    }
}
