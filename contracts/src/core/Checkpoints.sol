// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {RewardTree} from "../libraries/RewardTree.sol";
import {Transitions} from "../libraries/Transitions.sol";
import {IModels, IRules, ISplitter} from "../interfaces/Modules.sol";
import {Batch, Params, Place} from "../Types.sol";
import {Ledger} from "./Ledger.sol";
import {People} from "./People.sol";

/// @notice One step of a checkpoint, as a watcher shows it.
struct Step {
    Place place;
    Batch batch;
    bytes leaves;
}

/// @title Checkpoints: anyone posts the reward roots that follow from the batches, anyone refutes a wrong one in one transaction.
/// @notice Checkpoints form a tree: each continues a parent, rivals may stand side by side, so a wrong one holds nobody up.
/// A checkpoint becomes final after its window if its parent is the final one.
abstract contract Checkpoints is Ledger, People {
    using SafeCast for uint256;

    /// @notice Most batches in one checkpoint.
    uint256 public constant MAX_ROOTS = 4096;
    /// @notice A commitment this much older than the refutation earns the reward. Longer than a transaction waits in public.
    uint256 public constant COMMIT_AGE = 10 minutes;
    /// @notice How long the reward for a refutation waits for a watcher who had committed.
    uint256 public constant REWARD_WAIT = 7 days;

    struct Checkpoint {
        bytes32 root; // after its last batch
        bytes32 transitions; // Merkle root over a leaf for each of its batches
        address poster;
        uint40 last; // its last batch
        uint40 deadline; // refutable before this time
        uint16 count;
        uint96 bond; // not yet returned, or the reward not yet paid
        uint40 parent;
        uint40 refutedAt; // 0: not refuted
        uint32 posterId;
    }

    struct Replay {
        bytes32 root;
        uint256 cursor;
    }

    IRules public immutable rules;
    IModels public immutable models;
    ISplitter public immutable splitter;
    address public immutable treasury;

    /// @notice Running hash over all batches: chain' = keccak256(chain, keccak256(abi.encode(batch))).
    bytes32 public chain;
    /// @notice The running hash after so many batches, where somebody marked it. Checkpoints end at marks.
    mapping(uint256 batches => bytes32 chain) public marks;
    /// @notice Root of the final checkpoint.
    bytes32 public finalRoot;
    mapping(uint256 id => Checkpoint) internal _checkpoints;
    mapping(bytes32 commitment => uint256 time) public committedAt;
    mapping(uint256 checkpoint => mapping(uint256 index => Replay)) public replays;

    constructor(IRules rules_, IModels models_, ISplitter splitter_, address treasury_) {
        rules = rules_;
        models = models_;
        splitter = splitter_;
        treasury = treasury_;
    }

    // ---- views

    function checkpoint(uint256 id) external view returns (Checkpoint memory) {
        return _checkpoints[id];
    }

    /// @notice Counters: batches settled, checkpoints posted, the final checkpoint, its last batch.
    function progress() external view returns (uint256 batches, uint256 posted, uint256 finalised, uint256 last) {
        return (_head.batches, _head.checkpoints, _head.finalised, _checkpoints[_head.finalised].last);
    }

    // ---- posting

    /// @notice Remembers the running hash as it is now, so that a checkpoint can end here while settling goes on.
    function mark() public {
        marks[_head.batches] = chain;
    }

    /// @notice Posts the root after each of the next batches, up to a mark. Takes the rules' bond from the poster's balance.
    /// @param parent the checkpoint that it continues; 0 is the empty beginning.
    /// @param posterId whom the poster's share of these batches pays; 0 leaves it to the treasury.
    /// @param batches the hash of each batch; they must lead from the parent's running hash to the mark's.
    function post(uint256 parent, uint32 posterId, bytes32[] calldata batches, bytes32[] calldata roots)
        external
        returns (uint256 id)
    {
        if (roots.length == 0) revert Errors.EmptyCheckpoint();
        if (roots.length > MAX_ROOTS) revert Errors.TooManyRoots();
        if (roots.length != batches.length) revert Errors.LengthMismatch();
        if (posterId > _head.people) revert Errors.UnknownContributor();
        Checkpoint storage p = _checkpoints[parent];
        if (parent > _head.checkpoints || p.refutedAt != 0) revert Errors.UnknownCheckpoint();
        uint40 last = (p.last + roots.length).toUint40();
        (bytes32 transitions, bytes32 end) = Transitions.root(p.root, marks[p.last], batches, roots);
        if (marks[last] != end) revert Errors.WrongBatch();
        Params memory r = rules.version(_head.rules);
        _debit(msg.sender, r.bond);
        id = ++_head.checkpoints;
        _checkpoints[id] = Checkpoint({
            root: roots[roots.length - 1],
            transitions: transitions,
            poster: msg.sender,
            last: last,
            deadline: (block.timestamp + r.window).toUint40(),
            count: roots.length.toUint16(),
            bond: r.bond,
            parent: parent.toUint40(),
            refutedAt: 0,
            posterId: posterId
        });
        emit Events.CheckpointPosted(id, parent, msg.sender, posterId, last, roots);
    }

    /// @notice Makes a checkpoint final: its window is over and its parent is the final one.
    function finalise(uint256 id) external {
        Checkpoint storage c = _checkpoints[id];
        if (id == 0 || c.poster == address(0) || c.refutedAt != 0 || c.parent != _head.finalised) revert Errors.NotPending();
        if (block.timestamp < c.deadline) revert Errors.TooEarly();
        _head.finalised = id.toUint40();
        finalRoot = c.root;
        emit Events.CheckpointFinalised(id, c.root, c.last);
        if (c.bond != 0) release(id);
    }

    /// @notice Returns the bond of a checkpoint that nobody refuted in its window, final or overtaken.
    function release(uint256 id) public {
        Checkpoint storage c = _checkpoints[id];
        if (c.bond == 0 || c.refutedAt != 0) revert Errors.NothingHere();
        if (block.timestamp < c.deadline) revert Errors.TooEarly();
        uint256 amount = c.bond;
        c.bond = 0;
        _credit(c.poster, amount);
        emit Events.BondReleased(id, c.poster, amount);
    }

    // ---- refuting

    /// @notice Reserves the reward for a refutation without showing it: keccak256(abi.encode(watcher, checkpoint, index, key, salt)).
    /// For `replay` the key is type(uint32).max.
    function commit(bytes32 commitment) external {
        if (committedAt[commitment] != 0) revert Errors.AlreadyDone();
        committedAt[commitment] = block.timestamp;
        emit Events.RefutationCommitted(msg.sender, commitment);
    }

    /// @notice Shows that the step gives one key something else than the batch earned it.
    function refute(
        Step calldata step,
        uint32 key,
        uint128 cumulativeBefore,
        bytes calldata proofBefore,
        uint128 cumulativeAfter,
        bytes calldata proofAfter,
        bytes32 salt
    ) external {
        uint32 posterId = _open(step);
        if (RewardTree.root(key, cumulativeBefore, proofBefore) != step.place.before) revert Errors.WrongPath();
        if (RewardTree.root(key, cumulativeAfter, proofAfter) != step.place.later) revert Errors.WrongPath();
        uint256 earned = splitter.earned(key, step.batch, posterId, step.leaves);
        if (cumulativeAfter == cumulativeBefore + earned) revert Errors.StepIsCorrect();
        _refuted(step, key, salt);
    }

    /// @notice Recomputes the step from its own start, which needs nothing that only the poster knows: for a root whose tree
    /// was never shown. Long batches take several calls; each applies the rewards up to `to` and anyone may go on.
    /// @param witness see RewardTree.apply_.
    function replay(Step calldata step, uint256 to, bytes32[] calldata witness, bytes32 salt) external {
        (uint32[] memory keys, uint256[] memory rewards) = splitter.all(step.batch, _open(step), step.leaves);
        Replay storage r = replays[step.place.checkpoint][step.place.index];
        uint256 from = r.cursor;
        if (to > keys.length) to = keys.length;
        if (from < keys.length) {
            if (to <= from) revert Errors.WrongWitness();
            (bytes32 before, bytes32 later) = RewardTree.apply_(keys, rewards, from, to, witness);
            if (before != (from == 0 ? step.place.before : r.root)) revert Errors.WrongWitness();
            (r.root, r.cursor) = (later, to);
            emit Events.ReplayAdvanced(step.place.checkpoint, step.place.index, to, later);
            if (to < keys.length) return;
        }
        if (r.root == step.place.later) revert Errors.StepIsCorrect();
        _refuted(step, type(uint32).max, salt);
    }

    /// @notice Gives the reward that no committed watcher fetched to the treasury.
    function sweep(uint256 id) external {
        Checkpoint storage c = _checkpoints[id];
        if (c.refutedAt == 0 || c.bond == 0) revert Errors.NothingHere();
        if (block.timestamp < c.refutedAt + REWARD_WAIT) revert Errors.TooEarly();
        _reward(id, c, treasury);
    }

    // ---- inside

    /// @notice The number of a batch, proved by its place in a checkpoint.
    function batchId(Place calldata place, Batch calldata batch) public view returns (uint256) {
        Checkpoint storage c = _checkpoints[place.checkpoint];
        uint256 count = c.count;
        bytes32 leaf = Transitions.leaf(place.before, place.later, keccak256(abi.encode(batch)));
        if (!Transitions.holds(c.transitions, leaf, place.index, count, place.path)) revert Errors.WrongBatch();
        return c.last - count + 1 + place.index;
    }

    /// @dev Checks that the step is what was posted and what was settled; returns whom the poster's share pays.
    function _open(Step calldata step) private view returns (uint32) {
        Checkpoint storage c = _checkpoints[step.place.checkpoint];
        // Once refuted it can be refuted again for the reward alone, by a watcher who had committed before.
        bool pending = c.refutedAt == 0 && block.timestamp < c.deadline;
        if (!pending && (c.refutedAt == 0 || c.bond == 0)) revert Errors.NotPending();
        batchId(step.place, step.batch);
        if (step.batch.leaves != (step.leaves.length == 0 ? bytes32(0) : keccak256(step.leaves))) revert Errors.WrongLeaves();
        return c.posterId;
    }

    /// @dev Half the bond is the treasury's at once, so that refuting oneself costs. The other half goes to a watcher who had
    /// committed before anybody could copy him; a refutation without such a commitment counts, and leaves the reward waiting.
    function _refuted(Step calldata step, uint32 key, bytes32 salt) private {
        Checkpoint storage c = _checkpoints[step.place.checkpoint];
        uint256 known = committedAt[keccak256(abi.encode(msg.sender, step.place.checkpoint, step.place.index, key, salt))];
        bool first = c.refutedAt == 0;
        if (first) {
            c.refutedAt = block.timestamp.toUint40();
            uint96 burnt = c.bond / 2;
            c.bond -= burnt;
            _credit(treasury, burnt);
            emit Events.CheckpointRefuted(step.place.checkpoint, step.place.index, msg.sender);
        }
        if (known != 0 && known + COMMIT_AGE <= c.refutedAt) _reward(step.place.checkpoint, c, msg.sender);
        else if (!first) revert Errors.NothingHere();
    }

    function _reward(uint256 id, Checkpoint storage c, address to) private {
        uint256 amount = c.bond;
        c.bond = 0;
        _credit(to, amount);
        emit Events.RefutationPaid(id, to, amount);
    }
}
