// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../libraries/Errors.sol";
import {Events} from "../libraries/Events.sol";
import {IRules, ISettlement} from "../interfaces/Modules.sol";
import {Batch} from "../Types.sol";

/// @title Draws: which batches of an audit epoch are audited, by the hash of a block that was fixed before it existed.
/// @notice Let E be the end of a batch's epoch. Drawing until E + 1 day, revealing until E + 3 days, convicting until E + 8 days,
/// which is when the payer's lock ends.
abstract contract Draws {
    using SafeCast for uint256;

    uint256 public constant EPOCH = 8 days;
    uint256 public constant DRAW_UNTIL = 1 days;
    uint256 public constant REVEAL_UNTIL = 3 days;
    /// @dev Blocks between fixing the beacon and its hash, and for how long the EVM remembers a hash.
    uint256 private constant AHEAD = 4;
    uint256 private constant REMEMBERED = 256;

    struct Draw {
        uint64 beacon; // the block whose hash is the seed
        uint64 auditors; // how many auditors were enrolled before the seed could be known
        bytes32 seed;
    }

    ISettlement public immutable settlement;
    IRules public immutable rules;

    mapping(uint256 epoch => Draw) public draws;

    constructor(ISettlement settlement_, IRules rules_) {
        settlement = settlement_;
        rules = rules_;
    }

    /// @notice Fixes the block whose hash will draw the batches of `epoch`; again if that hash was missed.
    function close(uint256 epoch) external {
        _drawable(epoch);
        Draw storage d = draws[epoch];
        if (d.seed != 0 || (d.beacon != 0 && block.number <= d.beacon + REMEMBERED)) revert Errors.AlreadyDone();
        if (d.beacon == 0) d.auditors = _enrolled().toUint64();
        d.beacon = (block.number + AHEAD).toUint64();
        emit Events.DrawClosed(epoch, d.beacon);
    }

    function seed(uint256 epoch) external {
        _drawable(epoch);
        Draw storage d = draws[epoch];
        if (d.seed != 0) revert Errors.AlreadyDone();
        if (d.beacon == 0 || block.number <= d.beacon || block.number > d.beacon + REMEMBERED) revert Errors.TooEarly();
        d.seed = keccak256(abi.encode(blockhash(d.beacon), epoch));
        emit Events.DrawSeeded(epoch, d.seed);
    }

    /// @notice Whether a batch is drawn. False before its epoch's seed.
    function isDrawn(uint256 id, Batch calldata batch) public view returns (bool) {
        bytes32 s = draws[batch.time / EPOCH].seed;
        if (s == 0 || batch.leaves == 0) return false;
        return uint256(keccak256(abi.encode(s, id))) % 10_000 < rules.version(batch.rules).drawRate;
    }

    /// @notice Which of the `count` records of a drawn batch is opened.
    function drawnRecord(uint256 id, Batch calldata batch, uint256 count) public view returns (uint256) {
        return uint256(keccak256(abi.encode(draws[batch.time / EPOCH].seed, id, "record"))) % count;
    }

    /// @dev E of the batch: the end of its epoch.
    function _end(Batch calldata batch) internal pure returns (uint256) {
        return (batch.time / EPOCH + 1) * EPOCH;
    }

    function _drawable(uint256 epoch) private view {
        uint256 end = (epoch + 1) * EPOCH;
        if (block.timestamp < end) revert Errors.TooEarly();
        if (block.timestamp >= end + DRAW_UNTIL) revert Errors.NotPending();
    }

    function _enrolled() internal view virtual returns (uint256);
}
