// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {Leaves} from "../libraries/Leaves.sol";
import {Transitions} from "../libraries/Transitions.sol";
import {Datanets} from "../registries/Datanets.sol";
import {Models} from "../registries/Models.sol";
import {Batch, Place, Source} from "../Types.sol";
import {Draws} from "./Draws.sol";
import {Scores} from "./Scores.sol";

/// @notice One inference as the payer committed to it. Salted, so that nothing of an unopened record can be guessed.
struct Record {
    bytes32 salt;
    bytes32 prompt; // hash of the prompt
    bytes32 output; // hash of the reply
    bytes32 query; // keccak256 of the int8 query vector
    bytes32 entries; // keccak256 of the entries
    uint32 unattributed; // what of the scores' whole belongs to no row
    uint16 tokens;
}

/// @notice What a payer shows when drawn. transcripts = keccak256(abi.encode(keccak256(lists), recordsRoot, count)).
struct Opening {
    bytes lists; // for each record: uint16 tokens, uint16 length, then that many bytes of leaves
    bytes32 recordsRoot; // Merkle root over keccak256(abi.encode(record)), zero-filled to a power of two
    uint32 count;
    Record record; // the drawn one
    bytes32[] path;
    bytes query;
    bytes entries;
}

/// @notice What was opened of the drawn record, shown again.
struct Shown {
    bytes32 lists; // keccak256
    Record record;
    bytes query;
    bytes entries;
}

/// @notice A row of a model's index. A row of no bytes shows that the position is unused.
struct Row {
    uint32 position;
    uint32 contributor;
    bytes row;
    bytes32[] path;
}

/// @title Convictions: the objective faults in an auditable batch, each shown in one transaction.
abstract contract Convictions is Draws {
    Models public immutable models;
    Datanets public immutable datanets;

    /// @notice keccak256(abi.encode(keccak256(lists), record)) of a revealed batch, 0 before.
    mapping(uint256 batch => bytes32) public opened;

    constructor(Models models_, Datanets datanets_) {
        models = models_;
        datanets = datanets_;
    }

    // ---- reveal or lose

    /// @notice Opens a drawn batch. What the contract can check itself it checks here, and refuses.
    /// @param sealed_ the plain prompt and reply, encrypted to the auditors; the contract only passes it on.
    function reveal(Place calldata place, Batch calldata batch, Opening calldata o, bytes calldata sealed_) external {
        uint256 id = settlement.batchId(place, batch);
        if (!isDrawn(id, batch)) revert Errors.NotDrawn();
        if (opened[id] != 0) revert Errors.AlreadyDone();
        if (block.timestamp >= _end(batch) + REVEAL_UNTIL) revert Errors.NotPending();
        bytes32 lists = keccak256(o.lists);
        if (o.count == 0 || keccak256(abi.encode(lists, o.recordsRoot, o.count)) != batch.transcripts) {
            revert Errors.WrongReveal();
        }
        uint256 index = drawnRecord(id, batch, o.count);
        if (!_isRecord(o, index)) revert Errors.WrongReveal();
        if (keccak256(o.query) != o.record.query || keccak256(o.entries) != o.record.entries) revert Errors.WrongReveal();
        (uint256 tokens, bytes calldata list) = _list(o.lists, o.count, index);
        if (tokens != o.record.tokens) revert Errors.WrongReveal();
        if (!Scores.weighs(o.entries, o.record.unattributed, tokens, list)) revert Errors.WrongReveal();
        opened[id] = keccak256(abi.encode(lists, o.record));
        emit Events.Revealed(id, index, o.record.query, o.lists, o.entries, sealed_);
    }

    /// @notice A drawn batch that nobody opened in time.
    function forfeit(Place calldata place, Batch calldata batch) external {
        uint256 id = settlement.batchId(place, batch);
        if (!isDrawn(id, batch)) revert Errors.NotDrawn();
        if (opened[id] != 0) revert Errors.AlreadyDone();
        if (block.timestamp < _end(batch) + REVEAL_UNTIL) revert Errors.TooEarly();
        _convict(id, batch, msg.sender, "forfeit");
    }

    // ---- faults anyone can show

    /// @notice The leaves pay somebody who held no units in any Datanet of the model when the batch was settled.
    function convictStranger(Place calldata place, Batch calldata batch, bytes calldata leaves, uint32 contributor) external {
        uint256 id = settlement.batchId(place, batch);
        if (keccak256(leaves) != batch.leaves) revert Errors.WrongLeaves();
        if (contributor == 0 || Leaves.weightAt(leaves, uint256(contributor) + 1) == 0) revert Errors.ClaimIsCorrect();
        if (_belongs(batch.model, contributor, batch.time)) revert Errors.ClaimIsCorrect();
        _convict(id, batch, msg.sender, "stranger");
    }

    /// @notice The records' lists do not add up to the leaves: weight = floor(65,535 * sum of the lists / sum of the units).
    function convictSum(
        Place calldata place,
        Batch calldata batch,
        bytes calldata lists,
        Record calldata record,
        bytes calldata leaves,
        uint32 contributor
    ) external {
        uint256 id = settlement.batchId(place, batch);
        _opened(id, lists, record);
        if (keccak256(leaves) != batch.leaves) revert Errors.WrongLeaves();
        uint256 position = uint256(contributor) + 1;
        (uint256 sum, uint256 units) = _sum(lists, position);
        if (Leaves.weightAt(leaves, position) == (units == 0 ? 0 : 65_535 * sum / units)) revert Errors.ClaimIsCorrect();
        _convict(id, batch, msg.sender, "sum");
    }

    /// @notice A record's list shares out more than the record's units.
    function convictList(
        Place calldata place,
        Batch calldata batch,
        bytes calldata lists,
        Record calldata record,
        uint256 count,
        uint256 index
    ) external {
        uint256 id = settlement.batchId(place, batch);
        _opened(id, lists, record);
        (uint256 tokens, bytes calldata list) = _list(lists, count, index);
        (, uint256 total) = Leaves.measure(list);
        if (list.length % Leaves.STEP == 0 && total <= Scores.units(tokens)) revert Errors.ClaimIsCorrect();
        _convict(id, batch, msg.sender, "list");
    }

    /// @notice An entry of the drawn record names the wrong contributor, a row that does not exist, or the wrong score.
    function convictScore(Place calldata place, Batch calldata batch, Shown calldata shown, uint256 which, Row calldata r) external {
        uint256 id = settlement.batchId(place, batch);
        _shown(id, shown);
        (uint32 named, uint32 position, uint32 score) = Scores.entry(shown.entries, which);
        if (position != r.position || !_inIndex(batch.model, r)) revert Errors.WrongPath();
        bool right = named == r.contributor && r.row.length == shown.query.length && position >> r.path.length == 0
            && r.row.length != 0 && Scores.dot(shown.query, r.row) == int256(uint256(score));
        if (right) revert Errors.ClaimIsCorrect();
        _convict(id, batch, msg.sender, "score");
    }

    /// @notice A row that is not among the entries scores higher than the lowest of them (or scores at all, where there was room).
    function convictOmission(Place calldata place, Batch calldata batch, Shown calldata shown, Row calldata r) external {
        uint256 id = settlement.batchId(place, batch);
        _shown(id, shown);
        if (r.position >> r.path.length != 0 || r.row.length != shown.query.length) revert Errors.WrongPath();
        if (!_inIndex(batch.model, r)) revert Errors.WrongPath();
        if (!_omitted(shown.entries, r.position, Scores.dot(shown.query, r.row))) revert Errors.ClaimIsCorrect();
        _convict(id, batch, msg.sender, "omission");
    }

    /// @notice The score of one index row, proved to be in a model's index: what any dispute about a weight comes down to.
    function checkScore(uint32 model, bytes calldata query, Row calldata r) external view returns (int256) {
        if (r.row.length != query.length || r.position >> r.path.length != 0) revert Errors.WrongPath();
        if (!_inIndex(model, r)) revert Errors.WrongPath();
        return Scores.dot(query, r.row);
    }

    // ---- inside

    /// @dev Only while the payer's lock for the batch lasts.
    function _convict(uint256 id, Batch calldata batch, address prover, bytes32 fault) internal {
        if (block.timestamp >= _end(batch) + EPOCH) revert Errors.NotPending();
        uint256 amount = uint256(batch.amount) * rules.version(batch.rules).penalty;
        emit Events.Convicted(id, prover, fault);
        settlement.penalise(id, batch, amount, prover);
    }

    function _opened(uint256 id, bytes calldata lists, Record calldata record) private view {
        if (opened[id] != keccak256(abi.encode(keccak256(lists), record))) revert Errors.WrongReveal();
    }

    function _shown(uint256 id, Shown calldata s) private view {
        if (opened[id] != keccak256(abi.encode(s.lists, s.record))) revert Errors.WrongReveal();
        if (keccak256(s.query) != s.record.query || keccak256(s.entries) != s.record.entries) revert Errors.WrongReveal();
    }

    function _inIndex(uint32 model, Row calldata r) internal view returns (bool) {
        return Scores.holds(models.indexOf(model), r.position, r.contributor, r.row, r.path);
    }

    function _isRecord(Opening calldata o, uint256 index) private pure returns (bool) {
        if (o.path.length != Transitions.depth(o.count)) return false;
        bytes32 h = keccak256(abi.encode(o.record));
        for (uint256 i; i < o.path.length; ++i) {
            h = (index >> i) & 1 == 0 ? Transitions.hash(h, o.path[i]) : Transitions.hash(o.path[i], h);
        }
        return h == o.recordsRoot;
    }

    /// @dev Whether the contributor held units in one of the model's Datanets at `time`.
    function _belongs(uint32 model, uint32 contributor, uint256 time) internal view returns (bool) {
        (, Source[] memory sources) = models.lineage(model);
        for (uint256 i; i < sources.length; ++i) {
            uint256 since = datanets.holding(sources[i].datanet, contributor).since;
            if (since != 0 && since <= time) return true;
        }
        return false;
    }

    function _omitted(bytes calldata entries, uint32 position, int256 score) private pure returns (bool) {
        uint256 n = entries.length / Scores.ENTRY;
        int256 lowest = n < Scores.MAX_ENTRIES ? int256(0) : type(int256).max;
        for (uint256 i; i < n; ++i) {
            (, uint32 row, uint32 entryScore) = Scores.entry(entries, i);
            if (row == position) return false;
            if (int256(uint256(entryScore)) < lowest) lowest = int256(uint256(entryScore));
        }
        return score > lowest;
    }

    /// @dev The list of one record; reverts unless the lists are `count` whole ones.
    function _list(bytes calldata lists, uint256 count, uint256 index)
        private
        pure
        returns (uint256 tokens, bytes calldata list)
    {
        list = lists[0:0];
        uint256 at = 0;
        for (uint256 i; i < count; ++i) {
            (uint256 t, bytes calldata l) = _next(lists, at);
            if (i == index) (tokens, list) = (t, l);
            at += 4 + l.length;
        }
        if (at != lists.length || index >= count) revert Errors.WrongReveal();
    }

    function _next(bytes calldata lists, uint256 at) private pure returns (uint256 tokens, bytes calldata list) {
        uint256 head = uint32(bytes4(lists[at:at + 4]));
        return (head >> 16, lists[at + 4:at + 4 + (head & 0xffff)]);
    }

    function _sum(bytes calldata lists, uint256 position) private pure returns (uint256 sum, uint256 units) {
        for (uint256 at; at < lists.length;) {
            (uint256 tokens, bytes calldata list) = _next(lists, at);
            sum += Leaves.weightAt(list, position);
            units += Scores.units(tokens);
            at += 4 + list.length;
        }
    }
}
